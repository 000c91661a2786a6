//! Limits: what may still be used, asked before it is.

mod apply;
mod budget;
mod consume;
mod decide;
mod manage;
mod quota;
mod reservation;
mod reserve;
mod view;

pub use self::{
    budget::*, consume::*, decide::*, manage::*, quota::*, reservation::*, reserve::*, view::*,
};
