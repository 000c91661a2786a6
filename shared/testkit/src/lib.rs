//! Test kit (being written)
