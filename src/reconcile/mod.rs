//! What should be in a lock, against what is in it. Pure: every decision is a value that can be printed and compared.
//!
//! [`plan`] says what one lock needs next; [`assess`] gives the status of a grant; [`evidence`] says what one
//! report may prove, and [`observe`] turns what a lock reports into what we believe of a slot; [`rules`] decides whether a
//! code may be used at all.
//!
//! A plan is never run from beginning to end: one step is taken, its outcome recorded, and the lock planned anew.

pub mod assess;
pub mod evidence;
pub mod observe;
pub mod plan;
pub mod retry;
pub mod rules;
