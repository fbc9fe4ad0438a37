//! Certificates as BMCs have them, made by openssl for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What is special about a certificate. Where nothing else is said, it is of X.509 v3, for 127.0.0.1 and localhost,
/// with a key on P-256, signed with SHA-256, valid now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// By an authority of its own, which no system trusts.
    Issued,
    /// By itself, as an authority's.
    SelfSigned,
    /// By itself, and says that it is no authority's.
    SelfSignedLeaf,
    /// By itself, with a key of RSA-2048.
    Rsa,
    /// By itself, with a key of RSA-1024 and SHA-1.
    OldRsa,
    /// By itself, of X.509 v1.
    Version1,
    /// By an authority, for the year 2020.
    Expired,
    /// By an authority, for another host.
    OtherHost,
    /// By an authority; the address stands in the subject's common name and nowhere else.
    NameOnly,
}

const HERE: &str = "subjectAltName=IP:127.0.0.1,DNS:localhost\n";
const ELSEWHERE: &str = "subjectAltName=DNS:other.example\n";
const LEAF: &str = "basicConstraints=critical,CA:FALSE\n";
const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\n";

/// How one certificate is made.
struct Recipe {
    /// Arguments of `openssl genpkey`.
    key: &'static [&'static str],
    /// Of its own signature; an authority takes SHA-256.
    digest: &'static str,
    subject: &'static str,
    /// Without any, the certificate is of version 1.
    extensions: String,
    is_issued: bool,
    is_over: bool,
}

impl Recipe {
    fn of(kind: Kind) -> Self {
        let plain = Self {
            key: &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            digest: "-sha256",
            subject: "/CN=127.0.0.1",
            extensions: format!("{HERE}{LEAF}"),
            is_issued: true,
            is_over: false,
        };
        let own = || Self {
            extensions: format!("{HERE}{AUTHORITY}"),
            is_issued: false,
            ..Self::of(Kind::Issued)
        };
        match kind {
            Kind::Issued => plain,
            Kind::SelfSigned => own(),
            Kind::SelfSignedLeaf => Self { is_issued: false, ..plain },
            Kind::Rsa => Self { key: &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ..own() },
            Kind::OldRsa => {
                Self { key: &["RSA", "-pkeyopt", "rsa_keygen_bits:1024"], digest: "-sha1", ..own() }
            }
            Kind::Version1 => Self { extensions: String::new(), ..own() },
            Kind::Expired => Self { is_over: true, ..plain },
            Kind::OtherHost => Self {
                subject: "/CN=other.example",
                extensions: format!("{ELSEWHERE}{LEAF}"),
                ..plain
            },
            Kind::NameOnly => Self { extensions: LEAF.to_owned(), ..plain },
        }
    }

    fn authority() -> Self {
        let subject = "/CN=an authority of the tests";
        Self { subject, extensions: AUTHORITY.to_owned(), ..Self::of(Kind::SelfSigned) }
    }
}

/// A certificate and its key, in files.
pub struct Identity {
    folder: TempDir,
    is_issued: bool,
}

impl Identity {
    pub fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = Recipe::of(kind);
        if recipe.is_issued {
            make(folder.path(), "authority", &Recipe::authority());
        }
        make(folder.path(), "server", &recipe);
        Self { folder, is_issued: recipe.is_issued }
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }

    /// What a client must trust: the authority's certificate, or its own where it has signed itself.
    pub fn bundle(&self) -> PathBuf {
        self.folder.path().join(if self.is_issued { "authority.pem" } else { "server.pem" })
    }

    /// SHA-256 of the certificate, as openssl prints it: pairs of digits between colons.
    pub fn fingerprint(&self) -> String {
        let arguments = ["x509", "-in", "server.pem", "-noout", "-fingerprint", "-sha256"];
        let line = openssl(self.folder.path(), &arguments);
        line.trim().rsplit_once('=').expect("a fingerprint").1.to_owned()
    }
}

/// Makes `name.key` and `name.pem` in that folder, where the authority's are if there is one.
fn make(folder: &Path, name: &str, recipe: &Recipe) {
    let [key, request, certificate, extensions] =
        ["key", "csr", "pem", "ext"].map(|kind| format!("{name}.{kind}"));
    fs::write(folder.join(&extensions), &recipe.extensions).expect("a file of extensions");
    openssl(folder, &[&["genpkey", "-out", &key, "-algorithm"], recipe.key].concat());
    let subject = ["-subj", recipe.subject];
    openssl(folder, &[&["req", "-new", "-key", &key, "-out", &request], &subject[..]].concat());
    let mut sign = if recipe.is_issued {
        fs::write(folder.join("ca.cnf"), CA_CNF).expect("the authority's configuration");
        fs::write(folder.join("index"), "").expect("the authority's index");
        vec!["ca", "-config", "ca.cnf", "-batch", "-notext"]
    } else {
        vec!["x509", "-req", recipe.digest, "-signkey", &key, "-days", "30"]
    };
    sign.extend(["-in", &request, "-out", &certificate]);
    if recipe.is_over {
        sign.extend(["-startdate", "20200101000000Z", "-enddate", "20201231000000Z"]);
    }
    if !recipe.extensions.is_empty() {
        sign.extend(["-extfile", &extensions]);
    }
    openssl(folder, &sign);
}

/// `openssl ca` can say when a certificate begins and ends, as `openssl x509` cannot.
const CA_CNF: &str = "\
[ca]
default_ca = authority
[authority]
certificate = authority.pem
private_key = authority.key
database = index
new_certs_dir = .
rand_serial = yes
default_days = 30
default_md = sha256
policy = any
[any]
commonName = supplied
";

fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("openssl starts: run ./tests/run, which installs it");
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}
