//! Where the service is reached: of the addresses of a host name, the one that has answered in this operation, and no
//! other. Another may be another machine.

use std::iter;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

/// The address of the service, once it has answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Address(Arc<Mutex<Option<IpAddr>>>);

impl Address {
    /// An answer came from there.
    pub(crate) fn note(&self, from: SocketAddr) {
        // The first one counts.
        self.answered().get_or_insert(from.ip());
    }

    /// A new operation begins.
    pub(crate) fn forget(&self) {
        *self.answered() = None;
    }

    fn answered(&self) -> MutexGuard<'_, Option<IpAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolve for Address {
    /// One address of each family, until one of them has answered. The port is that of the URL.
    fn resolve(&self, name: Name) -> Resolving {
        let answered = *self.answered();
        Box::pin(async move {
            let addresses: Addrs = match answered {
                Some(ip) => Box::new(iter::once(SocketAddr::new(ip, 0))),
                None => {
                    let all = lookup_host((name.as_str(), 0)).await?;
                    Box::new(one_of_each_family(all).into_iter())
                }
            };
            Ok(addresses)
        })
    }
}

fn one_of_each_family(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let (mut has_ipv4, mut has_ipv6) = (false, false);
    let is_first = |address: &SocketAddr| {
        let has_one = if address.is_ipv4() { &mut has_ipv4 } else { &mut has_ipv6 };
        !std::mem::replace(has_one, true)
    };
    addresses.filter(is_first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(address: &Address) -> Vec<IpAddr> {
        let name = "localhost".parse().unwrap();
        address.resolve(name).await.unwrap().map(|address| address.ip()).collect()
    }

    #[test]
    fn the_first_of_each_family_is_tried() {
        let all = ["192.0.2.2:0", "[2001:db8::2]:0", "192.0.2.1:0", "[2001:db8::1]:0"];
        let one = one_of_each_family(all.iter().map(|address| address.parse().unwrap()));
        assert_eq!(one.iter().map(ToString::to_string).collect::<Vec<_>>(), all[..2]);
    }

    #[tokio::test]
    async fn the_first_that_answered_is_the_only_one() {
        let address = Address::default();
        assert!(resolved(&address).await.iter().all(IpAddr::is_loopback));
        for from in ["192.0.2.2:443", "192.0.2.1:443"] {
            address.note(from.parse().unwrap());
            assert_eq!(resolved(&address).await, ["192.0.2.2".parse::<IpAddr>().unwrap()]);
        }
    }

    #[tokio::test]
    async fn another_operation_may_be_answered_from_elsewhere() {
        let address = Address::default();
        address.note("192.0.2.2:443".parse().unwrap());
        address.forget();
        assert!(resolved(&address).await.iter().all(IpAddr::is_loopback));
        address.note("192.0.2.1:443".parse().unwrap());
        assert_eq!(resolved(&address).await, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    }
}
