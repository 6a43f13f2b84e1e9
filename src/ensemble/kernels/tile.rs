// How much work a thread has. Rust and C++ both include this file.

enum Tile {
    /// Rows of a matrix that a thread updates.
    Rows = 16,
    /// Columns of a matrix that a thread updates.
    Columns = 2,
    /// Samples for which a thread multiplies.
    Samples = 32,
}
