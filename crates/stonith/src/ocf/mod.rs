//! The OCF agent: what a cluster calls to start, watch and stop a controller, and to fence through it.
//!
//! It is called as the OCF resource agent API 1.1 has it: the action is the first argument, parameters are
//! `OCF_RESKEY_*` in the environment, the result is the exit code.

mod answer;
mod controller;
mod environment;
mod fence;
mod launch;
mod metadata;
mod monitor;
mod parameters;
mod start;
mod stop;
mod targets;
mod time;
mod validate;

use std::ffi::OsString;
use std::process::ExitCode;

use log::LevelFilter;
use tokio::runtime::Builder;

use answer::{Code, Failure, say};
use environment::Environment;

/// What the agent is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Start,
    Stop,
    Monitor,
    Fence,
    ListFenceTargets,
    Reload,
    ValidateAll,
    MetaData,
    Usage,
}

/// Does what the one argument says, under this name.
pub(crate) fn main(name: &str, arguments: &[OsString]) -> ExitCode {
    let result = action(name, arguments).and_then(|action| {
        let log_name = format!("stonith:{name}");
        fence_agent::logging::start_service(&log_name, "stonith", LevelFilter::Error, true);
        let environment = Environment::of(name, std::env::vars_os());
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Code::Generic, error.to_string()))?;
        let result = runtime.block_on(carry_out(action, &environment));
        // A name look-up, or the reading of a slow file, may hang on in a thread of its own.
        runtime.shutdown_background();
        result
    });
    let code = result.unwrap_or_else(|failure| {
        failure.tell();
        failure.code
    });
    code.into()
}

fn action(name: &str, arguments: &[OsString]) -> Result<Action, Failure> {
    // Pacemaker would take exit code 2 of such a call for a machine that is off.
    if name.starts_with("fence_") {
        let reason =
            "this is the OCF agent of a controller, and no fence agent: call it by another name";
        return Err(Failure::new(Code::Generic, reason));
    }
    let [argument] = arguments else {
        let failure = Failure::new(Code::Arguments, "one argument is wanted: the action");
        return Err(failure.with_details(usage(name).lines().map(str::to_owned).collect()));
    };
    let word = argument.to_string_lossy();
    match &*word {
        "start" => Ok(Action::Start),
        "stop" => Ok(Action::Stop),
        "monitor" | "status" => Ok(Action::Monitor),
        "fence" => Ok(Action::Fence),
        "list-fence-targets" => Ok(Action::ListFenceTargets),
        "reload" => Ok(Action::Reload),
        "validate-all" => Ok(Action::ValidateAll),
        "meta-data" | "metadata" => Ok(Action::MetaData),
        "usage" | "help" | "--help" | "-h" => Ok(Action::Usage),
        other => {
            let reason = format!("the action '{other}' is not implemented");
            Err(Failure::new(Code::Unimplemented, reason))
        }
    }
}

async fn carry_out(action: Action, environment: &Environment) -> Result<Code, Failure> {
    match action {
        Action::Start => start::start(environment).await,
        Action::Stop => stop::stop(environment).await,
        Action::Monitor => monitor::monitor(environment).await,
        Action::Fence => fence::fence(environment).await,
        Action::ListFenceTargets => targets::list(environment).await,
        Action::Reload => targets::reload(environment).await,
        Action::ValidateAll => validate::validate(environment).await,
        Action::MetaData => metadata::print(environment).await,
        Action::Usage => say(usage(environment.name()).trim_end()),
    }
}

fn usage(name: &str) -> String {
    format!(
        "usage: {name} ACTION\n\
         \n\
         The OCF agent of a STONITH controller: a daemon that holds fence devices ready.\n\
         Parameters are OCF_RESKEY_* in the environment (see meta-data), and OCF_RESOURCE_INSTANCE is the\n\
         controller's name.\n\
         \n\
         start               starts the controller, and waits until it has reached a device\n\
         stop                stops it, and gives its devices back\n\
         monitor, status     whether it runs and reaches its devices; OCF_CHECK_LEVEL=10: they are asked now,\n\
         \x20                   20: and all must answer\n\
         fence               fences the nodes in OCF_RESKEY_STONITH_NODES, separated by commas\n\
         list-fence-targets  the nodes that it can fence\n\
         reload              reads the list of nodes anew\n\
         validate-all        checks the parameters\n\
         meta-data           describes them, in XML\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(name: &str, arguments: &[&str]) -> Result<Action, Code> {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        action(name, &arguments).map_err(|failure| failure.code)
    }

    #[test]
    fn an_action_is_one_word_that_is_known() {
        assert_eq!(code_of("ipmilan", &["start"]), Ok(Action::Start));
        assert_eq!(code_of("ipmilan", &["status"]), Ok(Action::Monitor));
        assert_eq!(code_of("ipmilan", &[]), Err(Code::Arguments));
        assert_eq!(code_of("ipmilan", &["start", "now"]), Err(Code::Arguments));
        for other in ["promote", "notify", "", "Start", "migrate_to"] {
            assert_eq!(code_of("ipmilan", &[other]), Err(Code::Unimplemented), "{other}");
        }
    }

    /// Its usage would be exit code 2, which is OFF where a fence agent is expected.
    #[test]
    fn called_as_a_fence_agent_it_fails() {
        assert_eq!(code_of("fence_ipmilan", &[]), Err(Code::Generic));
        assert_eq!(code_of("fence_ipmilan", &["start"]), Err(Code::Generic));
    }
}
