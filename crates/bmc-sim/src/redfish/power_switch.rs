use std::fmt;
use std::sync::Arc;

use crate::Power;

/// What carries a change of power out, where a machine is more than a memory: it may start and stop a virtual machine.
///
/// The service waits for it, and tells the new state to nobody before.
#[derive(Clone)]
pub struct PowerSwitch(Arc<Switch>);

type Switch = dyn Fn(&str, Power) -> bool + Send + Sync;

impl PowerSwitch {
    /// A switch that is called with the id of a system, and the state that it is to come to. Where it gives `false`,
    /// the system stays as it is.
    pub fn new(switch: impl Fn(&str, Power) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(switch))
    }

    pub(super) fn switch(&self, system: &str, power: Power) -> bool {
        (self.0)(system, power)
    }
}

impl fmt::Debug for PowerSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PowerSwitch").finish_non_exhaustive()
    }
}
