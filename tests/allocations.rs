//! A training step allocates nothing: memory stays flat however long a run is.

use inorm::{
    Condition,
    configuration::configuration,
    engine::Engine,
    layers::initial_weights,
    learning::{LearningRule, Precision},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls of each thread.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of 20 steps of a network of `width`, after the first ones have made its buffers.
fn allocations_of_steps(condition: Condition, width: usize, rule: LearningRule) -> usize {
    let weights = initial_weights(condition, width, 0).unwrap();
    let mut engine = Engine::new(&weights.convert(|w| w as f32), rule);
    let x: Vec<f32> = (0..32 * 784).map(|i| (i % 256) as f32 / 256.0).collect();
    let labels: Vec<u8> = (0..32).map(|i| i % 10).collect();
    // A larger batch in between, as an evaluation is, must not shrink the buffers.
    engine.step(&x, &labels);
    engine.forward(&[&x[..], &x].concat());
    engine.step(&x, &labels);
    let before = ALLOCATIONS.get();
    for _ in 0..20 {
        engine.step(&x, &labels);
    }
    ALLOCATIONS.get() - before
}

#[test]
fn a_step_allocates_nothing() {
    let plain = LearningRule::paper(configuration(13).unwrap().rates);
    let momentum = LearningRule { momentum: 0.5, ..plain };
    let half = LearningRule { precision: Precision::Fp16Autocast, ..plain };
    for condition in Condition::ALL {
        for rule in [plain, momentum, half] {
            let count = allocations_of_steps(condition, 234, rule);
            assert_eq!(count, 0, "{condition} {rule:?}");
        }
    }
    assert_eq!(allocations_of_steps(Condition::INormFull, 488, plain), 0);
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![0_u8; 100]));
    assert!(ALLOCATIONS.get() > before);
}
