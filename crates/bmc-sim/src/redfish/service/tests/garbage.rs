use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::redfish::http::{Parsed, parse};

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in vec(any::<u8>(), 0..200)) {
        parse(&bytes);
    }

    #[test]
    fn a_broken_request_is_answered_all_the_same(
        place in 0_usize..260,
        garbage in vec(any::<u8>(), 1..4),
        end in 0_usize..300,
    ) {
        let body = r#"{"ResetType":"ForceOff"}"#;
        let request = by("admin", reset("ForceOff"));
        let mut bytes = format!("POST {RESET} HTTP/1.1\r\n");
        for (name, value) in &request.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut bytes = bytes.into_bytes();
        let place = place.min(bytes.len());
        bytes.splice(place..place, garbage);
        bytes.truncate(end.max(bytes.len() / 2));
        if let Parsed::Request { request, .. } = parse(&bytes) {
            let mut bench = Bench::new(config());
            let response = bench.ask(&request);
            prop_assert!((200..500).contains(&response.status));
        }
    }

    #[test]
    fn any_path_is_answered(path in "(/redfish/v1)?(/[A-Za-z0-9.$?=&%]{0,20}){0,6}") {
        let mut bench = Bench::new(config());
        let status = bench.get(&path).status;
        prop_assert!(status == 200 || status == 404 || status == 405, "{}", status);
    }
}
