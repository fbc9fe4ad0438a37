//! Certificates are read once, until they change.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::super::shared::{FRESH, read_once_by};
use super::super::trusted::Trusted;
use super::authority::Authority;

fn certificates(pem: &str) -> Trusted {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.pem");
    fs::write(&file, pem).unwrap();
    Trusted::new(rustls_native_certs::load_certs_from_paths(Some(&file), None).certs).unwrap()
}

/// How often a place is read of so many times that it is asked for.
fn count_of_reads(now: SystemTime, times: usize, place: &Path) -> usize {
    let pem = Authority::new().pem();
    let mut count = 0;
    for _ in 0..times {
        let read = || {
            count += 1;
            Ok::<_, Infallible>(certificates(&pem))
        };
        read_once_by(now, vec![place.to_owned()], read).unwrap();
    }
    count
}

#[test]
fn what_has_not_changed_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "a").unwrap();
    let later = SystemTime::now() + 10 * FRESH;
    for place in [&*file, folder.path()] {
        assert_eq!(count_of_reads(later, 300, place), 1);
        fs::write(&file, "ab").unwrap();
        assert_eq!(count_of_reads(later, 300, place), 1, "another text is read again");
        fs::write(&file, "a").unwrap();
    }
    fs::write(folder.path().join("another"), "").unwrap();
    assert_eq!(count_of_reads(later, 300, folder.path()), 1);
    assert_eq!(count_of_reads(later, 300, folder.path()), 0);
}

/// It might be changed again, and nobody would see it.
#[test]
fn what_has_just_changed_is_not_relied_upon_and_what_is_not_there_even_less() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    assert_eq!(count_of_reads(SystemTime::now(), 3, &file), 3);
    fs::write(&file, "a").unwrap();
    let now = fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(count_of_reads(now, 3, &file), 3);
}

#[test]
fn what_cannot_be_read_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let later = SystemTime::now() + 10 * FRESH;
    let place = || vec![folder.path().to_owned()];
    assert_eq!(read_once_by(later, place(), || Err("no")).unwrap_err(), "no");
    assert_eq!(count_of_reads(later, 3, folder.path()), 1);
}
