// How much of a result a block has. Rust and C++ both include this file.

enum Tile {
    /// Samples of a product.
    Samples = 32,
    /// Rows of a matrix that is updated.
    Rows = 64,
    /// Columns of either.
    Columns = 256,
}
