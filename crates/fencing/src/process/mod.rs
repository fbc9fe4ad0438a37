//! Programs of others, each with all that it starts in a process group of its own, of which nothing stays behind.

mod group;
#[cfg(feature = "redhat")]
mod output;
#[cfg(feature = "redhat")]
mod run;

pub(crate) use self::group::ProcessGroup;
#[cfg(feature = "redhat")]
pub(crate) use self::output::{LONGEST_STDOUT, Printed};
#[cfg(feature = "redhat")]
pub(crate) use self::run::{Ended, run};

#[cfg(test)]
pub(crate) mod tests;
