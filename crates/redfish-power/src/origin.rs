//! Where the BMC is, and the rule that credentials go nowhere else.

use std::fmt;

use reqwest::Url;

/// The one place that requests go to: `https`, a host and a port.
#[derive(Clone, Debug)]
pub struct Origin {
    base: Url,
}

/// A host that cannot stand in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is not a host name or an address.
    #[error("it is no host name and no address")]
    Host,
    /// IPv6 addresses with a zone have no place in a URL (RFC 9110 §4.2.2 takes RFC 3986, which knows none).
    #[error("an IPv6 address with a zone (%) cannot be used with https")]
    Zone,
}

impl Origin {
    /// The origin of a host name, an IPv4 address, or an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// [`OriginError`].
    pub fn new(host: &str, port: u16) -> Result<Self, OriginError> {
        if host.contains('%') {
            return Err(OriginError::Zone);
        }
        let is_foreign = |letter: char| letter.is_whitespace() || "/\\?#@".contains(letter);
        if host.is_empty() || host.contains(is_foreign) {
            return Err(OriginError::Host);
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let written = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
        let mut base = Url::parse(&format!("https://{written}/")).map_err(|_| OriginError::Host)?;
        base.set_port(Some(port)).map_err(|()| OriginError::Host)?;
        Ok(Self { base })
    }

    /// The resource that a link in a document leads to, seen from the document.
    ///
    /// # Errors
    /// When it leads to another origin.
    pub(crate) fn resolve(&self, from: &Url, link: &str) -> Result<Url, Elsewhere> {
        let elsewhere = || Elsewhere { link: link.to_owned() };
        let url = from.join(link).map_err(|_| elsewhere())?;
        if self.is_here(&url) { Ok(self.with_path_of(&url)) } else { Err(elsewhere()) }
    }

    /// Where a redirection leads. A foreign host is let pass where it names the same path with or without a slash at
    /// its end: iLO 4 names its own address there, which is another one behind a NAT. The request stays at this origin.
    ///
    /// # Errors
    /// When it leads to another origin.
    pub(crate) fn redirected(&self, asked: &Url, location: &str) -> Result<Url, Elsewhere> {
        let elsewhere = || Elsewhere { link: location.to_owned() };
        let url = asked.join(location).map_err(|_| elsewhere())?;
        let is_slash_only = url.path() != asked.path()
            && url.path().trim_end_matches('/') == asked.path().trim_end_matches('/');
        if self.is_here(&url) || is_slash_only {
            Ok(self.with_path_of(&url))
        } else {
            Err(elsewhere())
        }
    }

    /// The resource that a link names at this origin, whatever host it is written with: services know themselves by
    /// other names than their users do. The request stays here.
    pub(crate) fn here(&self, from: &Url, link: &str) -> Option<Url> {
        from.join(link).ok().filter(|url| url.has_host()).map(|url| self.with_path_of(&url))
    }

    /// The resource with this path.
    pub(crate) fn at(&self, path: &str) -> Result<Url, Elsewhere> {
        self.resolve(&self.base, path)
    }

    /// Some BMCs behind a TLS terminator do not know that they are, and write `http://` and a port of their own: the
    /// path counts, and the request goes by https as before.
    fn is_here(&self, url: &Url) -> bool {
        let is_same_host = url.host() == self.base.host();
        let is_same_port = url.port_or_known_default() == self.base.port_or_known_default();
        is_same_host && (url.scheme() == "http" || url.scheme() == "https" && is_same_port)
    }

    fn with_path_of(&self, url: &Url) -> Url {
        let mut here = self.base.clone();
        here.set_path(url.path());
        here.set_query(url.query());
        here
    }
}

impl fmt::Display for Origin {
    /// `host:port`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.base.host_str().unwrap_or_default();
        write!(f, "{host}:{}", self.base.port_or_known_default().unwrap_or_default())
    }
}

/// A link that leads to another origin.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    pub(crate) link: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::new("bmc1", 8443).unwrap()
    }

    #[test]
    fn hosts_are_written_as_urls_have_them() {
        for (host, expected) in [
            ("bmc1", "bmc1:443"),
            ("10.0.0.5", "10.0.0.5:443"),
            ("::1", "[::1]:443"),
            ("[fd00::5]", "[fd00::5]:443"),
        ] {
            assert_eq!(Origin::new(host, 443).unwrap().to_string(), expected);
        }
        for wrong in ["", "a b", "a/b", "u@h", "[::1", "1:2:3", "h?", "h#"] {
            assert_eq!(Origin::new(wrong, 443).unwrap_err(), OriginError::Host, "{wrong}");
        }
        assert_eq!(Origin::new("fe80::1%eth0", 443).unwrap_err(), OriginError::Zone);
    }

    #[test]
    fn links_lead_to_this_origin_or_nowhere() {
        let from = origin().at("/redfish/v1/Systems/1").unwrap();
        for (link, expected) in [
            ("/redfish/v1/", "https://bmc1:8443/redfish/v1/"),
            ("2", "https://bmc1:8443/redfish/v1/Systems/2"),
            ("/a?$skip=1", "https://bmc1:8443/a?$skip=1"),
            ("/a#/b", "https://bmc1:8443/a"),
            ("https://bmc1:8443/a", "https://bmc1:8443/a"),
            ("https://BMC1:8443/a", "https://bmc1:8443/a"),
            ("http://bmc1/a", "https://bmc1:8443/a"),
            ("http://bmc1:8000/a", "https://bmc1:8443/a"),
        ] {
            assert_eq!(origin().resolve(&from, link).unwrap().as_str(), expected, "{link}");
        }
        for link in
            ["//other/a", "https://other:8443/a", "https://bmc1/a", "ftp://bmc1/a", "http://"]
        {
            assert_eq!(origin().resolve(&from, link).unwrap_err().link, link);
            assert_eq!(origin().redirected(&from, link).unwrap_err().link, link);
        }
    }

    #[test]
    fn what_a_service_names_of_its_own_is_here_whatever_host_it_writes() {
        let from = origin().at("/redfish/v1/SessionService/Sessions").unwrap();
        for link in ["/a/7", "https://10.1.2.3/a/7", "http://bmc1/a/7", "../../../a/7"] {
            let url = origin().here(&from, link).unwrap();
            assert_eq!(url.as_str(), "https://bmc1:8443/a/7", "{link}");
        }
        assert!(origin().here(&from, "mailto:a@b").is_none());
    }

    #[test]
    fn a_redirection_that_adds_a_slash_stays_at_this_origin_whatever_host_it_names() {
        let asked = origin().at("/redfish/v1").unwrap();
        for location in ["/redfish/v1/", "https://192.168.1.2/redfish/v1/", "//other/redfish/v1/"] {
            let url = origin().redirected(&asked, location).unwrap();
            assert_eq!(url.as_str(), "https://bmc1:8443/redfish/v1/", "{location}");
        }
        assert!(origin().redirected(&asked, "https://192.168.1.2/redfish/v1").is_err());
    }
}
