//! Checks the parameters, without asking a device.

use super::answer::{Code, Failure};
use super::environment::Environment;
use crate::plan::{Plan, PlanError};

/// Checks everything that the controller would refuse to begin with.
pub(super) async fn validate(environment: &Environment) -> Result<Code, Failure> {
    Plan::read(&environment.config()?).await?;
    Ok(Code::Success)
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let code = match error {
            // On another machine the file may be another one.
            PlanError::MapFile(_) => Code::Arguments,
            PlanError::NoAgent { .. } => Code::NotInstalled,
            _ => Code::NotConfigured,
        };
        Self::new(code, error.to_string())
    }
}
