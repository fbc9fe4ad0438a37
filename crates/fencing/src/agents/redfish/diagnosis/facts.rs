//! What was found, in words.

use redfish_power::{Certificate, ComputerSystem, Error, Handshake, ServiceRoot, TlsFailure};

use super::{Login, Observed, told};
use crate::diagnosis::{Diagnosis, shown};

/// Of a list, no more than a person reads.
const MOST_SHOWN: usize = 16;

pub(super) fn state(diagnosis: &mut Diagnosis, observed: &Observed) {
    let Observed { discovery, login, .. } = observed;
    of_handshake(diagnosis, &discovery.handshake);
    diagnosis.fact("trusted", trusted(observed));
    diagnosis.fact("service", of_root(&discovery.root));
    if let Some(login) = login {
        of_login(diagnosis, login);
    }
}

fn of_handshake(diagnosis: &mut Diagnosis, handshake: &Handshake) {
    diagnosis.fact("TLS", handshake.version);
    match &handshake.certificate {
        Some(certificate) => of_certificate(diagnosis, certificate),
        None => diagnosis.fact("certificate", "cannot be read"),
    }
    diagnosis.fact("fingerprint", handshake.fingerprint.to_string());
}

fn trusted(observed: &Observed) -> String {
    match &observed.discovery.handshake.refusal {
        None if observed.is_unchecked => "not checked, because of ssl_insecure".to_owned(),
        None => "yes".to_owned(),
        // The fingerprint stands above.
        Some(TlsFailure::Certificate { fault, .. }) => format!("no: it {fault}"),
        Some(refusal) => format!("no: {refusal}"),
    }
}

fn of_certificate(diagnosis: &mut Diagnosis, certificate: &Certificate) {
    let Certificate { subject, issuer, hosts, not_before, not_after, rsa_bits, .. } = certificate;
    diagnosis.fact("certificate", subject.clone());
    let issuer = if certificate.is_self_signed { "itself".to_owned() } else { issuer.clone() };
    diagnosis.fact("issued by", issuer);
    let hosts: Vec<_> = hosts.iter().take(MOST_SHOWN).map(String::as_str).collect();
    let hosts = if hosts.is_empty() { "no host".to_owned() } else { hosts.join(", ") };
    diagnosis.fact("for", hosts);
    diagnosis.fact("valid", format!("from {not_before} to {not_after}"));
    let key = rsa_bits.map_or_else(|| "not RSA".to_owned(), |bits| format!("RSA, {bits} bits"));
    diagnosis.fact("key", format!("{key}; signed with {}", certificate.signature));
}

fn of_root(root: &Result<ServiceRoot, Error>) -> String {
    match root {
        Ok(root) => {
            let ServiceRoot { redfish_version, vendor, product, name } = root;
            let version = redfish_version.as_ref().map(|version| format!("Redfish {version}"));
            let named = [vendor, product].into_iter().flatten().cloned();
            let what: Vec<_> = if vendor.is_none() && product.is_none() {
                name.iter().cloned().chain(version).collect()
            } else {
                named.chain(version).collect()
            };
            what.join(", ")
        }
        Err(error) => told(error),
    }
}

fn of_login(diagnosis: &mut Diagnosis, login: &Login) {
    let way = if login.has_session { "by a session" } else { "by Basic" };
    let took = shown(login.took);
    match &login.system {
        Ok(_) => diagnosis.fact("login", format!("{way}: works, {took} with a status")),
        Err(error) => diagnosis.fact("login", told(error)),
    }
    let listed = login.systems.iter().flatten();
    for system in listed.take(MOST_SHOWN) {
        diagnosis.fact("system", shown_system(system));
    }
    if login.systems.is_none()
        && let Ok(system) = &login.system
    {
        diagnosis.fact("system", shown_system(system));
    }
    if let Some(resets) = &login.resets {
        let words = resets.iter().take(MOST_SHOWN).map(|word| word.escape_debug().to_string());
        diagnosis.fact("reset types", words.collect::<Vec<_>>().join(", "));
    }
    if login.system.is_ok() {
        diagnosis.fact(
            "privilege",
            "not checked: a user who may only look can do all that was done here",
        );
    }
    if let Ok(system) = &login.system
        && let Ok(state) = system.power_state()
    {
        diagnosis.fact("power state", state.to_string());
    }
}

fn shown_system(system: &ComputerSystem) -> String {
    let state = match system.power_state() {
        Ok(state) => format!("PowerState {state}"),
        Err(_) => "no PowerState".to_owned(),
    };
    let reset = if system.has_reset() { "" } else { ", cannot be reset" };
    let path = system.path.escape_debug();
    format!("{system} at {path}: {state}{reset}")
}
