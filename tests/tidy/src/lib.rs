//! House rules that a machine can check: what the sources look like, who imports whom, and which
//! statements of the standards have a test.
//!
//! The library reads the tree as text: [`tree`] finds the files, [`source`] tells code from
//! strings, comments and tests, [`manifest`] reads manifests, [`statements`] pairs statements with
//! tests. The rules themselves are the tests in `tests/`. It never compiles, formats or changes
//! what it reads; only a test run with `CATENA_BLESS=1` writes, and only the generated pages.
//!
//! ```
//! let source = catena_tidy::source::Source::parse("fn one() -> char {\n    '}'\n}\n");
//! assert_eq!(source.items[0].name, "one");
//! assert_eq!(source.items[0].last, 3);
//! ```

pub mod findings;
pub mod manifest;
pub mod mask;
pub mod source;
pub mod statements;
pub mod tree;
