// How much of its result a thread has. Rust and C++ both include this file.

enum Tile {
    /// Rows of the matrix in an update, samples in a product.
    Rows = 16,
    /// Columns in both.
    Columns = 2,
}
