//! Values whose insides the cells of a notebook do not compile.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// A value behind a pointer that knows how to drop it.
///
/// A notebook compiles each cell on its own, and with a variable the code that drops it: of a
/// table all that polars has in it, which takes longer than the rest of the cell.
pub struct Opaque<T>(Box<dyn Hold<T> + Send + Sync>);

trait Hold<T> {
    fn get(&self) -> &T;
    fn get_mut(&mut self) -> &mut T;
}

impl<T> Hold<T> for T {
    fn get(&self) -> &T {
        self
    }

    fn get_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: Send + Sync + 'static> Opaque<T> {
    pub fn new(value: T) -> Self {
        Self(Box::new(value))
    }
}

impl<T> Deref for Opaque<T> {
    type Target = T;

    fn deref(&self) -> &T {
        (*self.0).get()
    }
}

impl<T> DerefMut for Opaque<T> {
    fn deref_mut(&mut self) -> &mut T {
        (*self.0).get_mut()
    }
}

impl<T: Clone + Send + Sync + 'static> Clone for Opaque<T> {
    fn clone(&self) -> Self {
        Self::new(T::clone(self))
    }
}

impl<T: fmt::Debug> fmt::Debug for Opaque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
