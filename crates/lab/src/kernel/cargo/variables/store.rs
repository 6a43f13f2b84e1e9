//! The variables of a notebook, between its cells: what evcxr puts into each cell, with the parts
//! that are the same for every type compiled once.
//!
//! Cells that were compiled otherwise use the same memory, so the store has the fields of evcxr's.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt::Arguments;
use std::sync::Arc;

/// How a cell says to evcxr that a variable has another type than it expects.
pub const VARIABLE_CHANGED_TYPE: &str = "EVCXR_VARIABLE_CHANGED_TYPE:";

/// How a cell says to evcxr that `?` has ended it.
pub const USER_ERROR_OCCURRED: &str = "EVCXR_ERROR_OCCURRED";

#[derive(Default)]
pub struct VariableStore {
    variables: HashMap<String, Box<dyn Any + 'static>>,
}

impl VariableStore {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn put_variable<T: 'static>(&mut self, name: &str, value: T) {
        self.put(name, Box::new(value));
    }

    pub fn check_variable<T: 'static>(&mut self, name: &str) -> bool {
        self.check(name, TypeId::of::<T>())
    }

    pub fn take_variable<T: 'static>(&mut self, name: &str) -> T {
        match self.take(name).downcast() {
            Ok(value) => *value,
            Err(_) => panic!("Variable changed type"),
        }
    }

    pub fn lazy_arc<T: 'static, F: FnOnce() -> T>(&mut self, name: &str, create: F) -> Arc<T> {
        let value = self.variables.entry(name.to_owned());
        let value = value.or_insert_with(|| Box::new(Arc::new(create())));
        match value.downcast_mut() {
            Some(value) => Arc::clone(value),
            None => panic!("lazy_arc {name} changed type"),
        }
    }

    pub fn merge(&mut self, mut other: Self) {
        self.variables.extend(other.variables.drain());
    }

    #[inline(never)]
    fn put(&mut self, name: &str, value: Box<dyn Any>) {
        self.variables.insert(name.to_owned(), value);
    }

    #[inline(never)]
    fn check(&mut self, name: &str, expected: TypeId) -> bool {
        let is_expected =
            self.variables.get(name).is_none_or(|value| (**value).type_id() == expected);
        if !is_expected {
            eprintln!(
                "The variable {name} was lost: its type was defined anew, or a package was added, which \
                 makes all types of the notebook new."
            );
            println!("{VARIABLE_CHANGED_TYPE}{name}");
        }
        is_expected
    }

    #[inline(never)]
    fn take(&mut self, name: &str) -> Box<dyn Any> {
        match self.variables.remove(name) {
            Some(value) => value,
            None => panic!("Variable '{name}' has gone missing"),
        }
    }
}

pub fn create_variable_store() -> *mut VariableStore {
    Box::into_raw(Box::new(VariableStore::new()))
}

/// Prints the error by which `?` ends a cell.
#[inline(never)]
pub fn fail(error: Arguments<'_>) {
    eprint!("{error}");
    println!("{USER_ERROR_OCCURRED}");
}
