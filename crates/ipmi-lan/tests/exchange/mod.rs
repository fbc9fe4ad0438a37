//! Reads the annotated exchanges in `fixtures/ipmi-lan`: what programs that nobody here wrote said to each other, and
//! where there was no other BMC, to this project's simulator.

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../fixtures/ipmi-lan/", $name, ".txt"))
    };
}

/// `ipmitool` and `ipmi_sim`, a presence ping and IPMI 1.5 with MD5.
pub(crate) const IPMITOOL_IPMI15: &str = fixture!("ipmitool-ipmi15");
/// `ipmipower` and `ipmi_sim`, IPMI 1.5.
pub(crate) const IPMI15_NONE: &str = fixture!("ipmipower-ipmi15-none");
/// `ipmi-chassis` and `ipmi_sim`, IPMI 1.5: `ipmipower` takes no password under sixteen bytes here.
pub(crate) const IPMI15_PASSWORD: &str = fixture!("ipmi-chassis-ipmi15-password");
/// `ipmipower` and `ipmi_sim`, IPMI 1.5: `ipmitool` has no MD2.
pub(crate) const IPMI15_MD2: &str = fixture!("ipmipower-ipmi15-md2");
/// `ipmipower` and `ipmi_sim`, IPMI 1.5.
pub(crate) const IPMI15_MD5: &str = fixture!("ipmipower-ipmi15-md5");

/// `ipmitool` and `ipmi_sim`, cipher suite 3.
pub(crate) const IPMITOOL_SUITE_3: &str = fixture!("ipmitool-suite-3");
/// `ipmitool` and `ipmi_sim`, cipher suite 3 and a Kg.
pub(crate) const IPMITOOL_SUITE_3_KG: &str = fixture!("ipmitool-suite-3-kg");
/// `ipmitool` and this project's simulator, cipher suite 17.
pub(crate) const IPMITOOL_SUITE_17: &str = fixture!("ipmitool-suite-17");

// `ipmipower` and `ipmi_sim`.
pub(crate) const SUITE_0: &str = fixture!("ipmipower-suite-0");
pub(crate) const SUITE_1: &str = fixture!("ipmipower-suite-1");
pub(crate) const SUITE_2: &str = fixture!("ipmipower-suite-2");
pub(crate) const SUITE_3: &str = fixture!("ipmipower-suite-3");
pub(crate) const SUITE_6: &str = fixture!("ipmipower-suite-6");
pub(crate) const SUITE_11: &str = fixture!("ipmipower-suite-11");

// `ipmipower` and this project's simulator: of these suites, `ipmi_sim` takes no packet or knows nothing.
pub(crate) const SUITE_7: &str = fixture!("ipmipower-suite-7");
pub(crate) const SUITE_8: &str = fixture!("ipmipower-suite-8");
pub(crate) const SUITE_12: &str = fixture!("ipmipower-suite-12");
pub(crate) const SUITE_15: &str = fixture!("ipmipower-suite-15");
pub(crate) const SUITE_16: &str = fixture!("ipmipower-suite-16");
pub(crate) const SUITE_17: &str = fixture!("ipmipower-suite-17");

/// All of them.
pub(crate) const ALL: [&str; 20] = [
    IPMITOOL_IPMI15,
    IPMI15_NONE,
    IPMI15_PASSWORD,
    IPMI15_MD2,
    IPMI15_MD5,
    IPMITOOL_SUITE_3,
    IPMITOOL_SUITE_3_KG,
    IPMITOOL_SUITE_17,
    SUITE_0,
    SUITE_1,
    SUITE_2,
    SUITE_3,
    SUITE_6,
    SUITE_7,
    SUITE_8,
    SUITE_11,
    SUITE_12,
    SUITE_15,
    SUITE_16,
    SUITE_17,
];

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
