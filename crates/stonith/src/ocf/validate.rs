//! Checks the parameters, without asking a device.

use super::answer::{Code, Failure};
use super::environment::Environment;
use crate::agents;
use crate::config::MapFile;
use crate::plan::{Plan, PlanError};

/// Checks everything that the controller would refuse to begin with.
pub(super) async fn validate(environment: &Environment) -> Result<Code, Failure> {
    let config = environment.config()?;
    let file = config.mapfile.as_deref().map(MapFile::read).transpose();
    let file = file.map_err(PlanError::from)?;
    let fence = agents::load(&config, file.as_ref()).await?;
    Plan::of(&config, file.as_ref(), &fence)?;
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
