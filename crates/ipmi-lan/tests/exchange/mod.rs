//! Reads the annotated exchanges in `fixtures/ipmi-lan`: what programs that nobody here wrote said to each other, and
//! where there was no other BMC, with cipher suite 17, to this project's simulator.

/// `ipmitool` and `ipmi_sim`, cipher suite 3.
pub(crate) const IPMITOOL_SUITE_3: &str =
    include_str!("../../../../fixtures/ipmi-lan/ipmitool-suite-3.txt");
/// `ipmitool` and `ipmi_sim`, cipher suite 3 and a Kg.
pub(crate) const IPMITOOL_SUITE_3_KG: &str =
    include_str!("../../../../fixtures/ipmi-lan/ipmitool-suite-3-kg.txt");
/// `ipmipower` and `ipmi_sim`, cipher suite 3.
pub(crate) const IPMIPOWER_SUITE_3: &str =
    include_str!("../../../../fixtures/ipmi-lan/ipmipower-suite-3.txt");
/// `ipmitool` and this project's simulator, cipher suite 17.
pub(crate) const IPMITOOL_SUITE_17: &str =
    include_str!("../../../../fixtures/ipmi-lan/ipmitool-suite-17.txt");
/// `ipmitool` and `ipmi_sim`, a presence ping and IPMI 1.5.
pub(crate) const IPMITOOL_IPMI15: &str =
    include_str!("../../../../fixtures/ipmi-lan/ipmitool-ipmi15.txt");

/// All of them.
pub(crate) const ALL: [&str; 5] =
    [IPMITOOL_SUITE_3, IPMITOOL_SUITE_3_KG, IPMIPOWER_SUITE_3, IPMITOOL_SUITE_17, IPMITOOL_IPMI15];

/// One datagram of an exchange.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) by: Side,
    /// What the fixture calls it.
    pub(crate) title: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// The message that the fixture says is inside, if the payload is encrypted.
    pub(crate) inside: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Console,
    Bmc,
}

/// The datagrams of a fixture, in order.
pub(crate) fn read(fixture: &'static str) -> Vec<Said> {
    let mut exchange: Vec<Said> = Vec::new();
    for line in fixture.lines() {
        match (line.split_at_checked(2), exchange.last_mut()) {
            (Some(("> ", title)), _) => exchange.push(Said::new(Side::Console, title)),
            (Some(("< ", title)), _) => exchange.push(Said::new(Side::Bmc, title)),
            (Some(("= ", _)), Some(said)) => said.inside = Some(Vec::new()),
            (_, Some(said)) => said.fields().extend(bytes(line)),
            (_, None) => assert!(bytes(line).is_empty(), "bytes of no datagram: {line}"),
        }
    }
    exchange
}

impl Said {
    fn new(by: Side, title: &'static str) -> Self {
        Self { by, title, bytes: Vec::new(), inside: None }
    }

    fn fields(&mut self) -> &mut Vec<u8> {
        self.inside.as_mut().unwrap_or(&mut self.bytes)
    }
}

fn bytes(line: &str) -> Vec<u8> {
    let (digits, _comment) = line.split_once('#').unwrap_or((line, ""));
    digits.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}
