//! nginx before a Redfish service, as BMCs have a web server before theirs. Its log tells what came over which
//! connection.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use super::certificates::Identity;
use super::peers::folder_of;
use super::port::free_port;
use super::redfish_server::{PASSWORD, Process, USER};

/// How it is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub http2: bool,
    /// After how many requests a connection is closed.
    pub requests: u32,
    /// After how many idle seconds a connection is closed.
    pub idle: u32,
    /// As in `ssl_protocols`.
    pub protocols: &'static str,
    /// As in `ssl_ciphers`.
    pub ciphers: &'static str,
    pub redirect: Redirect,
    /// Whether it asks for the user and the password, for a service that does not.
    pub asks_password: bool,
}

/// Where it sends a client that asks for a path without a slash at its end, with status 308.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Redirect {
    Nowhere,
    /// To the path with the slash, as a path alone.
    Slash,
    /// To that path as a URL, which says `http` and its own TLS port, as a service does that does not know of the TLS
    /// before it. In clear it answers there with a redirect to `https`.
    SaysHttp,
    /// To its port without TLS, which redirects to this one with TLS.
    ThroughClear,
    /// To another port, where the same service is.
    OtherPort,
    /// To another name of the same host and port.
    OtherName,
    /// To another port and another path, where the same service is, too.
    Elsewhere,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            http2: false,
            requests: 1000,
            idle: 60,
            protocols: "TLSv1.2 TLSv1.3",
            ciphers: "DEFAULT",
            redirect: Redirect::Nowhere,
            asks_password: false,
        }
    }
}

/// A request as the log has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// What it was sent to: `https://127.0.0.1:443`
    pub origin: String,
    /// The same for requests over one connection.
    pub connection: u64,
    pub method: String,
    pub path: String,
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2.0`
    pub protocol: String,
    /// Whether it had credentials.
    pub has_credentials: bool,
    pub body: String,
}

/// A running nginx.
pub struct Nginx {
    process: Process,
    port: u16,
}

impl Nginx {
    /// Before the service at this URL.
    pub fn start(setup: &Setup, identity: &Identity, service: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ports @ [port, ..] = [free_port(), free_port(), free_port()];
        let text = configuration(setup, identity, service, ports);
        fs::write(folder.path().join("nginx.conf"), text).expect("its configuration");
        fs::write(folder.path().join("users"), format!("{USER}:{{PLAIN}}{PASSWORD}\n"))
            .expect("its users");
        let mut command = Command::new(folder_of("NGINX"));
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        let knock = folder.path().join("knock");
        let process = Process::start(folder, command, || answers(&knock));
        Self { process, port }
    }

    /// The port with TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What agents are told to speak to.
    pub fn origin(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// What came so far, in the order of the answers.
    pub fn requests(&self) -> Vec<Request> {
        // It does one thing after the other: when it answers this, it has written down all before.
        assert!(answers(&self.process.path("knock")), "nginx answers");
        let log = fs::read_to_string(self.process.path("requests")).expect("its log");
        log.lines().map(request).collect()
    }
}

fn request(line: &str) -> Request {
    let mut fields = line.splitn(8, '\t');
    let mut next = || fields.next().expect("a field");
    Request {
        origin: next().to_owned(),
        connection: next().parse().expect("a number"),
        method: next().to_owned(),
        path: next().to_owned(),
        status: next().parse().expect("a status"),
        protocol: next().to_owned(),
        has_credentials: !next().is_empty(),
        body: next().to_owned(),
    }
}

/// Over how many connections these came.
pub fn connections(requests: &[Request]) -> usize {
    let mut numbers: Vec<_> = requests.iter().map(|request| request.connection).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

fn answers(knock: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(knock) else { return false };
    let asked = stream.write_all(b"GET / HTTP/1.0\r\n\r\n").is_ok();
    let mut answer = String::new();
    asked && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 204 ")
}

/// One process, so that it keeps the rights to all files, and so that its log is in order.
const HEAD: &str = "\
daemon off;
master_process off;
pid pid;
events { worker_connections 512; }
http {
log_format requests escape=none
'$scheme://$host:$server_port\t$connection\t$request_method\t$request_uri\t$status\t$server_protocol\t$http_authorization\t$request_body';
access_log requests requests;
client_body_temp_path body;
proxy_temp_path proxy;
fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
absolute_redirect off;
proxy_http_version 1.1;
proxy_set_header Connection '';
proxy_set_header Host $http_host;
server { listen unix:knock; access_log off; return 204; }
";

fn configuration(
    setup: &Setup,
    identity: &Identity,
    service: &str,
    [port, other, clear]: [u16; 3],
) -> String {
    let mut text = HEAD.to_owned();
    let (certificate, key) = (identity.certificate(), identity.key());
    let _ = writeln!(text, "ssl_certificate {};", certificate.display());
    let _ = writeln!(text, "ssl_certificate_key {};", key.display());
    let _ = writeln!(text, "ssl_protocols {};\nssl_ciphers {};", setup.protocols, setup.ciphers);
    let _ = writeln!(text, "keepalive_requests {};", setup.requests);
    let _ = writeln!(text, "keepalive_timeout {}s;", setup.idle);
    if setup.asks_password {
        text.push_str("auth_basic Redfish;\nauth_basic_user_file users;\n");
    }
    let listen = if setup.http2 { "ssl http2" } else { "ssl" };
    let redirect = redirect(setup.redirect, [port, other, clear]);
    let proxy = format!("location / {{ proxy_pass {service}/; }}");
    let _ = writeln!(text, "server {{ listen 127.0.0.1:{port} {listen}; {redirect} {proxy} }}");
    let moved = format!("location /bmc/ {{ proxy_pass {service}/; }}");
    let _ = writeln!(text, "server {{ listen 127.0.0.1:{other} {listen}; {proxy} {moved} }}");
    let up = format!("return 308 https://127.0.0.1:{port}$request_uri;");
    let _ = writeln!(text, "server {{ listen 127.0.0.1:{clear}; {up} }}");
    text.push_str("}\n");
    text
}

fn redirect(redirect: Redirect, [port, other, clear]: [u16; 3]) -> String {
    let to = |origin: &str| format!("location ~ [^/]$ {{ return 308 {origin}$uri/; }}");
    match redirect {
        Redirect::Nowhere => String::new(),
        Redirect::Slash => to(""),
        Redirect::SaysHttp => {
            to("http://$http_host") + " error_page 497 =308 https://$http_host$request_uri;"
        }
        Redirect::ThroughClear => to(&format!("http://127.0.0.1:{clear}")),
        Redirect::OtherPort => to(&format!("https://127.0.0.1:{other}")),
        Redirect::OtherName => to(&format!("https://localhost:{port}")),
        Redirect::Elsewhere => to(&format!("https://127.0.0.1:{other}/bmc")),
    }
}
