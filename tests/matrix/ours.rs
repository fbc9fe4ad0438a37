//! Our client, which is the crate `ipmi-lan`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bmc_sim::BridgedAnswers;
use ipmi_lan::command::{ChassisControl, Command, GetChassisStatus, PowerControl, SendMessage};
use ipmi_lan::session::{Delivery, Request, SessionConfig};
use ipmi_lan::wire::{Address, NetworkFunction, RequestMessage};
use ipmi_lan::{
    AuthenticationType, Client, CompletionCode, Error, Kg, LoggedIn, Password, Privilege,
    Protection, Protocol, Quirk, RetryPolicy, Target, Username, Workarounds,
};

use super::feature::{Bridging, Feature, NEAR};
use super::trial::{Failure, Login};

/// For whatever is asked in a session, in which nothing is lost.
const COMMAND_TIME: Duration = Duration::from_secs(10);

/// Logs in, sees power on, switches it off, and sees that.
pub async fn power_off(bmc: SocketAddr, login: &Login<'_>) -> Result<(), Failure> {
    let target = login.feature.bridging().map(Bridging::target);
    let mut session = Session::open(bmc, login, target).await?;
    let result = session.does(login.feature).await;
    session.client.close().await;
    result
}

/// Whether `ipmi_sim` is seen not to have the feature.
pub async fn sees_that_it_is_lacking(bmc: SocketAddr, feature: Feature) -> Result<(), Failure> {
    let login = Login { option: Some("none"), ..Login::right(feature) };
    let target = match feature {
        Feature::Bridging(Bridging::Lun) => Some(Target::on_ipmb(NEAR)),
        _ => None,
    };
    let mut session = Session::open(bmc, &login, target).await?;
    let result = session.sees_that_it_is_lacking(feature).await;
    session.client.close().await;
    result
}

struct Session {
    client: Client,
    logged_in: LoggedIn,
}

impl Session {
    async fn open(
        bmc: SocketAddr,
        login: &Login<'_>,
        target: Option<Target>,
    ) -> Result<Self, Failure> {
        let config = config(login, target);
        let deadline = Instant::now() + config.retry.patience;
        let mut client = Client::open(bmc, config, deadline).await?;
        let logged_in = client.login().await?;
        Ok(Self { client, logged_in })
    }

    async fn does(&mut self, feature: Feature) -> Result<(), Failure> {
        let protection = match feature {
            // Only the login is authenticated.
            Feature::NoPerMessageAuthentication | Feature::Quirk(Quirk::UnexpectedAuth) => {
                Protection::Ipmi15(AuthenticationType::None)
            }
            feature => feature.protection(),
        };
        if self.logged_in.protection != protection {
            return Err(Failure::new(format!("the session is {}", self.logged_in.protection)));
        }
        self.power_off().await?;
        if feature == Feature::Quirk(Quirk::PresentState) {
            self.is_told_that_it_is_off().await?;
        }
        Ok(())
    }

    async fn power_off(&mut self) -> Result<(), Failure> {
        if !self.is_on().await? {
            return Err(Failure::new("power is not on in the beginning"));
        }
        self.switch_off().await?;
        if self.is_on().await? {
            return Err(Failure::new("power is not off"));
        }
        Ok(())
    }

    async fn sees_that_it_is_lacking(&mut self, feature: Feature) -> Result<(), Failure> {
        let is_lacking = match feature {
            Feature::NoPerMessageAuthentication => self.refuses_channel_access(0x10).await?,
            Feature::NoUserLevelAuthentication => self.refuses_channel_access(0x08).await?,
            Feature::Bridging(Bridging::Once(BridgedAnswers::Embedded)) => {
                self.answer_inside_send_message().await?.is_empty()
            }
            Feature::Quirk(quirk) => {
                self.power_off().await?;
                if quirk == Quirk::PresentState {
                    self.switch_off().await?;
                }
                self.logged_in.workarounds.is_empty()
            }
            // Though there is a machine at the other one, too.
            Feature::Bridging(Bridging::Lun) => self.is_on().await?,
            _ => false,
        };
        if is_lacking { Ok(()) } else { Err(Failure::new("it is not lacking")) }
    }

    async fn is_on(&mut self) -> Result<bool, Error> {
        let deadline = Instant::now() + COMMAND_TIME;
        let status = self.client.execute(&GetChassisStatus, Delivery::Repeated, deadline).await?;
        Ok(status.power_on)
    }

    async fn switch_off(&mut self) -> Result<(), Error> {
        let off = ChassisControl(PowerControl::PowerDown);
        self.client.execute(&off, Delivery::Repeated, Instant::now() + COMMAND_TIME).await
    }

    /// Of a machine that is off; what follows from the refusal is for the agent to say.
    async fn is_told_that_it_is_off(&mut self) -> Result<(), Failure> {
        match self.switch_off().await {
            Err(Error::Refused { code, .. })
                if code == CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE =>
            {
                Ok(())
            }
            result => Err(Failure::new(format!("switched off again: {result:?}"))),
        }
    }

    /// Set Channel Access (IPMI 2.0 §22.22) that changes only what is in use now, and answers 83h for "not supported".
    async fn refuses_channel_access(&mut self, disabled: u8) -> Result<bool, Error> {
        const VOLATILE: u8 = 0x80;
        const ALWAYS_AVAILABLE: u8 = 0x02;
        let request = Request {
            name: "Set Channel Access",
            network_function: NetworkFunction::APPLICATION,
            command: 0x40,
            data: vec![0x01, VOLATILE | disabled | ALWAYS_AVAILABLE, 0x00],
            delivery: Delivery::Repeated,
        };
        let answer = self.client.request(request, Instant::now() + COMMAND_TIME).await?;
        Ok(answer.completion == CompletionCode(0x83))
    }

    /// What of a satellite's answer comes inside that to Send Message.
    async fn answer_inside_send_message(&mut self) -> Result<Vec<u8>, Error> {
        let to = Address { slave: NEAR, lun: 0 };
        let inner = RequestMessage { to, from: Address::BMC, ..GetChassisStatus.to_message(1) };
        let bridged = SendMessage { channel: 0, message: inner.to_bytes() };
        self.client.execute(&bridged, Delivery::Repeated, Instant::now() + COMMAND_TIME).await
    }
}

fn config(login: &Login<'_>, target: Option<Target>) -> SessionConfig {
    let (protocol, authentication, cipher_suites) = match login.feature.protection() {
        Protection::Ipmi15(kind) => (Protocol::Ipmi15, Some(kind), Vec::new()),
        Protection::Ipmi20(suite) => (Protocol::Ipmi20, None, vec![suite]),
    };
    SessionConfig {
        protocol,
        username: Username::new(login.username).expect("a name"),
        password: Password::new(login.password).expect("a password"),
        kg: login.kg.map(|kg| Kg::new(kg).expect("a key")),
        privilege: Privilege::Administrator,
        authentication,
        cipher_suites,
        target,
        workarounds: Workarounds::parse(login.option.unwrap_or_default()).expect("workarounds"),
        retry: if login.is_patient { RetryPolicy::default() } else { impatient() },
    }
}

fn impatient() -> RetryPolicy {
    RetryPolicy { activations: 2, ..RetryPolicy::with_silence(Duration::from_secs(1)) }
}
