//! The way forward: what follows an answer that was accepted.

use std::time::{Duration, Instant};

use crate::command::AuthenticationCapabilities;
use crate::error::SuiteIds;
use crate::retry::Transmissions;
use crate::wire::Datagram;
use crate::{AuthenticationType, Error, Privilege, Quirk, RmcpPlusStatus};

use super::super::seal::{Seal, Seal15};
use super::capabilities::usable_authentication;
use super::ipmi15::{ExpectActivation, ExpectChallenge};
use super::ipmi20::{ExpectOpenSessionResponse, ExpectRakp2, ExpectRakp4, rakp3};
use super::step::{Expect, Next, Sent};
use super::{Active, Context, Login, Progress, Protocol, SessionConfig, ask_for_privilege};

impl Login {
    pub(super) fn proceed(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        next: Next,
    ) -> Progress {
        self.complaint = None;
        self.doubtful = None;
        if next.rank() > self.furthest {
            self.furthest = next.rank();
            self.progress_at = now;
        }
        match next {
            Next::Capabilities(None) => {
                if let Expect::Capabilities(sent, expect) = &mut self.expect {
                    context.transmit(&expect.request(sent.count()));
                    sent.transmissions.repeat_evenly(now);
                }
            }
            Next::Capabilities(Some(capabilities)) => {
                return self.choose_version(context, now, capabilities);
            }
            Next::Activation { authentication, challenge } => {
                let expect = ExpectActivation::new(context, authentication, challenge);
                let sent = self.send_with_hashes(context, now, expect.request());
                self.expect = Expect::Activation(sent, Box::new(expect));
            }
            Next::Activated(activation) => {
                let quirks = context.findings.quirks;
                let seal = Seal15::new(*activation, context.config.workarounds, quirks);
                let active = Box::new(Active::new(Seal::Ipmi15(seal)));
                return self.raise_privilege(context, now, active);
            }
            Next::Rakp1 { suite, console_session_id, bmc_session_id } => {
                let expect = ExpectRakp2 {
                    tag: self.next_tag(),
                    suite,
                    console_session_id,
                    bmc_session_id,
                    console_random: context.random_bytes(),
                };
                let rakp1 = expect.rakp1(context);
                let sent = self.send_with_hashes(context, now, rakp1);
                self.expect = Expect::Rakp2(sent, expect);
            }
            Next::Rakp3(exchange) => {
                let tag = self.next_tag();
                let SessionConfig { password, kg, .. } = context.config;
                let key = exchange.session_integrity_key(password, kg.as_ref());
                let rakp3 = rakp3(tag, &exchange, password);
                let sent = self.send_with_hashes(context, now, rakp3);
                let expect = ExpectRakp4 { tag, exchange: *exchange, key };
                self.expect = Expect::Rakp4(sent, Box::new(expect));
            }
            Next::Privilege(active) => return self.raise_privilege(context, now, active),
            Next::Ready => {
                if let Expect::Privilege(active) = self.expect {
                    return Progress::LoggedIn(active);
                }
            }
        }
        Progress::Continues(self)
    }

    /// IPMI 1.5 or 2.0, as the user wants it and the BMC has it. Never 1.5 in place of 2.0: nothing vouches for what
    /// the BMC says it has.
    fn choose_version(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        capabilities: AuthenticationCapabilities,
    ) -> Progress {
        self.capabilities = Some(capabilities);
        let config = context.config;
        if config.protocol == Protocol::Ipmi20 {
            if capabilities.ipmi20 || config.workarounds.forces(Quirk::AuthCap) {
                return self.open_session(context, now);
            }
            return self.doubt(Error::NoIpmi20);
        }
        match usable_authentication(config, &capabilities) {
            Ok(authentication) => {
                self.authentication = Some(authentication);
                self.ask_for_challenge(context, now, authentication)
            }
            Err(error) => self.use_ipmi20_instead(context, now, error),
        }
    }

    /// Where IPMI 1.5 cannot be used, for this reason.
    pub(super) fn use_ipmi20_instead(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        error: Error,
    ) -> Progress {
        let has_ipmi20 = self.capabilities.is_some_and(|capabilities| capabilities.ipmi20);
        if context.config.protocol != Protocol::Ipmi15Or20 || !has_ipmi20 {
            return self.doubt(error);
        }
        log::info!("{error}; using IPMI 2.0, which it offers too");
        self.authentication = None;
        self.open_session(context, now)
    }

    /// What the BMC says before a login could be said by anybody. So it is asked again, until it has said thrice that
    /// there is no way in.
    pub(super) fn doubt(mut self: Box<Self>, error: Error) -> Progress {
        const ENOUGH: u32 = 3;
        self.claims += 1;
        match &mut self.expect {
            Expect::Capabilities(_, expect) if self.claims < ENOUGH => {
                expect.ask_for_all_again();
                Progress::Continues(self)
            }
            _ => Progress::Failed(error),
        }
    }

    pub(super) fn ask_for_challenge(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        authentication: AuthenticationType,
    ) -> Progress {
        self.begin();
        let expect = ExpectChallenge::new(context, authentication);
        let sent = self.send(context, now, expect.request());
        self.expect = Expect::Challenge(sent, expect);
        Progress::Continues(self)
    }

    /// Forgets what the last attempt came to.
    fn begin(&mut self) {
        self.has_repeated = false;
        self.doubtful = None;
    }

    pub(super) fn open_session(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
    ) -> Progress {
        self.begin();
        let Some(suite) = self.suites.first().copied() else {
            return Progress::Failed(Error::NoCipherSuite);
        };
        // 0 is the id of packets outside a session (IPMI 2.0 §13.17).
        let console_session_id = u32::from_le_bytes(context.random_bytes()).max(1);
        let expect = ExpectOpenSessionResponse { tag: self.next_tag(), suite, console_session_id };
        let request = expect.request(context);
        let sent = self.send(context, now, request);
        self.expect = Expect::OpenSessionResponse(sent, expect);
        Progress::Continues(self)
    }

    pub(super) fn propose_next_suite(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        status: RmcpPlusStatus,
    ) -> Progress {
        if let Some(suite) = self.suites.first().copied() {
            log::debug!("cipher suite {suite} refused: {status}");
            self.suites.retain(|other| *other != suite);
            self.refused.push(suite.id());
        }
        self.progress_at = now;
        if self.suites.is_empty() {
            let suites = SuiteIds(self.refused);
            return Progress::Failed(Error::SuitesRefused { suites, status });
        }
        self.open_session(context, now)
    }

    /// An activated session begins at level User (IPMI 2.0 §22.18), which is enough for a user.
    fn raise_privilege(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        mut active: Box<Active>,
    ) -> Progress {
        let mut privilege = context.config.privilege;
        if context.findings.quirks.contains(Quirk::SetPrivilege) {
            privilege = privilege.min(Privilege::Operator);
        }
        active.set_privilege(privilege);
        if privilege <= Privilege::User || context.findings.quirks.contains(Quirk::I82571Spt) {
            return Progress::LoggedIn(active);
        }
        ask_for_privilege(context, now, &mut active, privilege, self.deadline);
        self.expect = Expect::Privilege(active);
        Progress::Continues(self)
    }

    fn send(&self, context: &mut Context, now: Instant, datagram: Datagram) -> Sent {
        let interval = context.interval();
        self.send_with_interval(context, now, datagram, interval)
    }

    /// A message whose answer takes the BMC some computing.
    fn send_with_hashes(&self, context: &mut Context, now: Instant, datagram: Datagram) -> Sent {
        let interval = context.config.retry.first_interval;
        self.send_with_interval(context, now, datagram, interval)
    }

    fn send_with_interval(
        &self,
        context: &mut Context,
        now: Instant,
        datagram: Datagram,
        interval: Duration,
    ) -> Sent {
        context.transmit(&datagram);
        let interval = self.slowed_down(interval);
        Sent { datagram, transmissions: Transmissions::start(now, interval) }
    }

    /// Never 0, which some BMCs put in the place of any tag.
    fn next_tag(&mut self) -> u8 {
        self.tag = self.tag.checked_add(1).unwrap_or(1);
        self.tag
    }
}
