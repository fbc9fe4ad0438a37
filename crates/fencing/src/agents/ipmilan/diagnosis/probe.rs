//! One login after the other, each closed before the next.

use std::net::SocketAddr;
use std::time::Duration;

use ipmi_lan::command::{ChassisStatus, DeviceId, GetChassisStatus, GetDeviceId};
use ipmi_lan::session::{Delivery, SessionConfig};
use ipmi_lan::{
    Client, CompletionCode, Error, LoggedIn, Privilege, Protection, Protocol, RmcpPlusStatus,
};
use tokio::time::Instant;

use super::{is_unknown_user, is_wrong_password};

/// How long one answer in a session is waited for.
const ANSWERED_WITHIN: Duration = Duration::from_secs(4);
/// Activate Session: the level exceeds the limit of user or channel (IPMI 2.0 §22.17).
const LEVEL_ABOVE_LIMIT: CompletionCode = CompletionCode(0x86);

/// Logs in and out, again and again.
pub(super) struct Probe {
    deadline: Instant,
    client: Option<Client>,
}

/// A login that was tried.
pub(super) struct Attempt {
    pub(super) protocol: Protocol,
    pub(super) privilege: Privilege,
    pub(super) outcome: Result<Login, Error>,
}

/// A login that succeeded, and what was read in its session.
pub(super) struct Login {
    pub(super) logged_in: LoggedIn,
    /// The login and the status.
    pub(super) took: Duration,
    pub(super) status: Result<ChassisStatus, Error>,
    pub(super) device: Option<DeviceId>,
}

impl Probe {
    pub(super) fn new(deadline: Instant) -> Self {
        Self { deadline, client: None }
    }

    /// Logs in, reads the power state, and logs out.
    pub(super) async fn attempt(&mut self, address: SocketAddr, config: SessionConfig) -> Attempt {
        let (protocol, privilege) = (config.protocol, config.privilege);
        let outcome = self.log_in(address, config).await;
        self.close().await;
        Attempt { protocol, privilege, outcome }
    }

    async fn log_in(&mut self, address: SocketAddr, config: SessionConfig) -> Result<Login, Error> {
        let began = Instant::now();
        let client = Client::open(address, config, self.deadline.into_std()).await?;
        let client = self.client.insert(client);
        let logged_in = client.login().await?;
        let until = self.deadline.min(Instant::now() + ANSWERED_WITHIN).into_std();
        let status = client.execute(&GetChassisStatus, Delivery::Repeated, until).await;
        let took = began.elapsed();
        let until = self.deadline.min(Instant::now() + ANSWERED_WITHIN).into_std();
        let device = client.execute(&GetDeviceId, Delivery::Repeated, until).await.ok();
        Ok(Login { logged_in, took, status, device })
    }

    /// Gives back a session, also one that is half there.
    pub(super) async fn close(&mut self) {
        if let Some(mut client) = self.client.take() {
            client.close().await;
        }
    }
}

impl Attempt {
    pub(super) fn is_in(&self) -> bool {
        self.outcome.is_ok()
    }

    /// Whether the password does not fit, as far as can be told.
    pub(super) fn is_refused(&self) -> bool {
        self.outcome.as_ref().is_err_and(is_wrong_password)
    }

    pub(super) fn is_unknown_user(&self) -> bool {
        self.outcome.as_ref().is_err_and(is_unknown_user)
    }

    pub(super) fn has_no_suite(&self) -> bool {
        matches!(self.outcome, Err(Error::SuitesRefused { .. }))
    }

    /// Whether another level may do better. BMCs offer authentication types for each. Some look users up by name and
    /// level, and know none at a level that is above the user's.
    pub(super) fn is_level_refused(&self) -> bool {
        let Err(error) = &self.outcome else { return false };
        matches!(
            error,
            Error::PrivilegeRefused { .. }
                | Error::AuthenticationNotOffered { .. }
                | Error::LoginRefused {
                    status: RmcpPlusStatus::INVALID_ROLE
                        | RmcpPlusStatus::UNAUTHORIZED_ROLE
                        | RmcpPlusStatus::UNAUTHORIZED_NAME,
                    ..
                }
                | Error::Refused { code: LEVEL_ABOVE_LIMIT, .. }
        )
    }
}

impl Login {
    /// The level that the session has.
    pub(super) fn privilege(&self) -> Privilege {
        self.logged_in.privilege
    }

    pub(super) fn is_15(&self) -> bool {
        matches!(self.logged_in.protection, Protection::Ipmi15(_))
    }
}
