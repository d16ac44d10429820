//! The cutpoint command line.
fn main() {}
