//! Controllers that answer what makes no sense: no success comes of it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::SLOW;
use super::resource::Resource;

/// Holds the lock of a controller and listens on its socket; whatever it is asked, it says the same.
struct Liar {
    child: Child,
    resource: Resource,
}

impl Liar {
    fn saying(answer: &str) -> Self {
        Self::that(answer, "")
    }

    fn that(answer: &str, before: &str) -> Self {
        let resource = Resource::called("ipmilan");
        let run_directory = resource.run_directory();
        let script = format!("{before}\n{SCRIPT}");
        let answer = resource.write("answer", answer);
        let mut child = Command::new("python3")
            .args(["-c", &script])
            .args([run_directory, answer])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child, resource }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SCRIPT: &str = r"
import fcntl, os, socket, sys
folder, answer = sys.argv[1:]
answer = open(answer, 'rb').read()
os.mkdir(folder, 0o700)
lock = open(folder + '/fencing:0.lock', 'w')
fcntl.lockf(lock, fcntl.LOCK_EX)
listener = socket.socket(socket.AF_UNIX)
listener.bind(folder + '/fencing:0.sock')
listener.listen()
print('ready', flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    try:
        connection.sendall(answer)
    except OSError:
        pass
    connection.close()
";

const SUCCESS: &str = r#"{"version":1,"reply":"node","node":"a","result":"success","done":"off"}"#;
const END: &str = r#"{"version":1,"reply":"end","reached":true}"#;
const UNKNOWN: &str = "the power state is not known";

#[test]
fn a_node_is_fenced_only_by_a_success_for_itself() {
    let of_c = SUCCESS.replace("\"a\"", "\"c\"");
    let of_b = SUCCESS.replace("\"a\"", "\"b\"");
    let nonsense = "the controller fencing:0 answered what is no answer: ";
    let silent = format!("b: failed: the controller said nothing of it; {UNKNOWN}");
    let cases: &[(&str, &[&str])] = &[
        (&format!("{SUCCESS}\n{END}\n"), &["a: success", &silent]),
        (&format!("{of_c}\n{END}\n"), &["a: failed: ", "b: failed: "]),
        (&format!("{SUCCESS}\n{SUCCESS}\n{END}\n"), &["a: success", "b: failed: "]),
        (&format!("{SUCCESS}\n{of_b}\n"), &["a: success", "b: success"]),
        (
            &format!("{SUCCESS}\n{of_b}"),
            &["a: success", "b: failed: the controller fencing:0 went away"],
        ),
        (SUCCESS, &["a: failed: ", "b: failed: "]),
        ("", &["a: failed: ", "b: failed: "]),
        (&format!("{END}\n"), &["a: failed: ", "b: failed: "]),
        (&format!("{}\n{END}\n", SUCCESS.replace(":1,", ":2,")), &["a: failed: ", "b: failed: "]),
        (
            &format!("{}\n{END}\n", SUCCESS.replace("success", "Success")),
            &[&format!("a: failed: {nonsense}"), &format!("b: failed: {nonsense}")],
        ),
        (
            &format!("{}\n{END}\n", SUCCESS.replace("node\":\"a", "node\":\"A")),
            &["a: failed: ", "b: failed: "],
        ),
        ("\u{1b}[2J\n", &["a: failed: ", "b: failed: "]),
        (&"x".repeat(300_000), &["a: failed: ", "b: failed: "]),
        ("{\"version\":1,\"reply\":\"stopping\"}\n", &["a: failed: ", "b: failed: "]),
    ];
    for (answer, expected) in cases {
        let liar = Liar::saying(answer);
        let run = liar.resource.fencing("a,b").run();
        assert_eq!(run.code, Some(1), "{answer}: {run:#?}");
        let lines: Vec<_> = run.stdout.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{answer}: {run:#?}");
        for (line, expected) in lines.iter().zip(*expected) {
            assert!(line.starts_with(expected), "{answer}: {run:#?}");
        }
        assert!(run.stderr.contains("ocf-exit-reason:"), "{answer}: {run:#?}");
    }
}

#[test]
fn what_it_says_reaches_no_terminal_as_it_is() {
    let failed = r#"{"version":1,"reply":"node","node":"a","result":"failed","reason":"\u001b[2J\nb: success\u202e"}"#;
    let liar = Liar::saying(&format!("{failed}\n{END}\n"));
    let run = liar.resource.fencing("a").run();
    run.expect(0, "a: failed: \\u{1b}[2J\\nb: success\\u{202e}\n");

    let refused = r#"{"version":1,"reply":"refused","reason":"\u001b[2J\nx"}"#;
    let liar = Liar::saying(&format!("{refused}\n"));
    for action in ["monitor", "list-fence-targets"] {
        liar.resource.run(action).expect_failure("\\u{1b}[2J\\n");
    }

    let status = r#"{"version":1,"reply":"status","pid":1,"configuration":"1-","generation":1,"changed":false,
        "trouble":"a\nb","devices":[{"device":"x\u0007","targets":["n"],"state":"unreachable","age_ms":1,"reason":"c\rd"}]}"#;
    let liar = Liar::saying(&(status.replace('\n', "") + "\n"));
    let run = liar.resource.run("monitor");
    run.expect(1, "targets: generation 1, 1 node\n");
    assert_eq!(run.stderr.lines().count(), 3, "{run:#?}");
    assert!(
        run.stderr.contains("a\\nb")
            && run.stderr.contains("runs with other parameters")
            && run.stderr.contains("x\\u{7}: cannot be used since 0 s: c\\rd")
    );

    let targets = r#"{"version":1,"reply":"targets","generation":1,"targets":[{"node":"a\nb","device":"x"}]}"#;
    let liar = Liar::saying(&format!("{targets}\n"));
    liar.resource.run("list-fence-targets").expect(0, "a\\nb\n");
}

#[test]
fn answers_to_something_else_are_failures() {
    let liar = Liar::saying(&format!("{END}\n"));
    for action in ["monitor", "list-fence-targets"] {
        liar.resource.run(action).expect_failure("does not fit the question");
    }
}

/// One that neither obeys nor ends.
#[test]
fn it_is_ended_if_need_be_by_force() {
    for before in ["", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)"] {
        let mut liar = Liar::that("{\"version\":1,\"reply\":\"stopping\"}\n", before);
        let run = liar.resource.within(Duration::from_secs(6), "stop").run();
        run.expect(0, "");
        assert!(run.took < Duration::from_secs(6) + SLOW, "{run:#?}");
        let status = liar.child.wait().expect("it has ended");
        assert!(!status.success(), "by a signal: {status}");
    }
}
