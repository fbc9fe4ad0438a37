use crate::redfish::{RedfishSystem, Request};

/// The resource that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Versions,
    Root,
    Systems {
        skip: usize,
    },
    /// The number of the system in the configuration.
    System(usize),
    ResetActionInfo(usize),
    Reset(usize),
    SessionService,
    Sessions,
    Session(String),
    TaskService,
    Tasks,
    Task(usize),
    TaskMonitor(usize),
    Nothing,
}

impl Resource {
    /// A slash at the end of a path makes no difference.
    pub(super) fn of(request: &Request, systems: &[RedfishSystem]) -> Self {
        let path = request.path().strip_prefix('/').unwrap_or_default();
        let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let system = |id: &str| systems.iter().position(|system| system.id == id);
        match segments.as_slice() {
            ["redfish"] => Self::Versions,
            ["redfish", "v1", rest @ ..] => match *rest {
                [] => Self::Root,
                ["Systems"] => Self::Systems { skip: skip(request.query()) },
                ["Systems", id] => system(id).map_or(Self::Nothing, Self::System),
                ["Systems", id, "ResetActionInfo"] => {
                    system(id).map_or(Self::Nothing, Self::ResetActionInfo)
                }
                ["Systems", id, "Actions", "ComputerSystem.Reset"] => {
                    system(id).map_or(Self::Nothing, Self::Reset)
                }
                ["SessionService"] => Self::SessionService,
                ["SessionService", "Sessions"] | ["SessionService", "Sessions", "Members"] => {
                    Self::Sessions
                }
                ["SessionService", "Sessions", id] => Self::Session(id.to_owned()),
                ["TaskService"] => Self::TaskService,
                ["TaskService", "Tasks"] => Self::Tasks,
                ["TaskService", "Tasks", id] => id.parse().map_or(Self::Nothing, Self::Task),
                ["TaskService", "TaskMonitors", id] => {
                    id.parse().map_or(Self::Nothing, Self::TaskMonitor)
                }
                _ => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }

    /// Whether it may be asked for without credentials (DSP0266, "Authentication").
    pub(super) fn is_public(&self) -> bool {
        matches!(self, Self::Versions | Self::Root)
    }

    /// The methods that it has.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Reset(_) => &["POST"],
            Self::Sessions => &["GET", "HEAD", "POST"],
            Self::Session(_) => &["GET", "HEAD", "DELETE"],
            _ => &["GET", "HEAD"],
        }
    }
}

/// The value of `$skip`; 0 without one.
fn skip(query: &str) -> usize {
    let mut parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
    let skip = parameters.find(|(name, _)| matches!(*name, "$skip" | "%24skip"));
    skip.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}
