//! The inventory and its secrets.

use super::{Folder, expect_refusal, fencectl, results, rows};
use crate::support::farm::Bmcs;
use crate::support::redfish_sim::{PASSWORD, RedfishSim, USER};

/// Two racks, whose BMCs have different users; the second password is of one host.
fn written(folder: &Folder, first: &Bmcs, second: &Bmcs) -> String {
    folder.write(
        "secrets.toml",
        "[groups.rack1]\npassword = 'secret'\n[hosts.web]\npassword = 'other'",
    );
    let text = format!(
        "secrets = 'secrets.toml'\n\
         [defaults]\n\
         lanplus = true\n\
         [groups.rack1]\n\
         hosts = ['{}']\n\
         username = 'admin'\n\
         [hosts.web]\n\
         address = '{}'\n\
         username = 'operator'\n",
        first.hosts("1-3"),
        second.host(1),
    );
    folder.write("inventory.toml", &text)
}

fn other_user(config: &mut bmc_sim::Config) {
    config.users = vec![bmc_sim::User::administrator("operator", "other").unwrap()];
}

#[test]
fn groups_and_hosts_have_users_passwords_and_addresses_of_their_own() {
    let (first, second) = (Bmcs::start(3), Bmcs::start_with(1, other_user));
    let folder = Folder::new();
    let inventory = written(&folder, &first, &second);
    let run = fencectl(&["status", "web", "@rack1", "--inventory", &inventory]).run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    let hosts: Vec<_> = rows(&run).iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(hosts, ["web".to_owned(), first.host(1), first.host(2), first.host(3)]);
    assert_eq!(second.sessions(1), (1, 1));
    let run =
        fencectl(&["power", "off", "web"]).environment("FENCECTL_INVENTORY", &inventory).run();
    assert_eq!((run.code, second.on()), (Some(0), vec![false]), "{run:#?}");
    assert_eq!(first.on(), [true; 3]);
}

#[test]
fn the_inventory_is_found_at_its_usual_place() {
    let (first, second) = (Bmcs::start(3), Bmcs::start_with(1, other_user));
    let folder = Folder::new();
    let home = folder.path("home");
    std::fs::create_dir_all(home.join(".config")).unwrap();
    let place = home.join(".config/fencectl");
    written(&folder, &first, &second);
    std::os::unix::fs::symlink(folder.path(""), &place).unwrap();
    let run = fencectl(&["status", "web"]).environment("HOME", home.to_str().unwrap()).run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![("web", "ON")]), "{run:#?}");
}

#[test]
fn options_count_more_than_the_inventory_and_the_environment_less() {
    let (first, second) = (Bmcs::start(3), Bmcs::start_with(1, other_user));
    let folder = Folder::new();
    let inventory = written(&folder, &first, &second);
    let status = || fencectl(&["status", "web", "--inventory", &inventory]);
    let run = status().environment("FENCECTL_PASSWORD", "wrong").run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    let wrong = folder.write("password", "wrong\n");
    let run = status().arguments(["--password-file", &wrong]).run();
    assert_eq!(run.code, Some(1), "{run:#?}");
    let run = status().arguments(["--password-script", "echo wrong"]).run();
    assert_eq!(run.code, Some(1), "{run:#?}");
    let run = status().arguments(["--password-script", "echo other"]).run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    let run = status().arguments(["-u", "nobody"]).run();
    assert_eq!(run.code, Some(1), "{run:#?}");
}

#[test]
fn a_host_has_two_ways() {
    let sim = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let folder = Folder::new();
    folder.write("secrets.toml", &format!("[defaults]\npassword = '{PASSWORD}'"));
    let text = format!(
        "secrets = 'secrets.toml'\n\
         [defaults]\nagent = ['fence_ipmilan', 'fence_redfish']\nusername = '{USER}'\nlogin_timeout = 1\n\
         [hosts.node1]\naddress = '127.0.0.1'\nfence_ipmilan = {{ ipport = 1 }}\n\
         fence_redfish = {{ ipport = {}, ssl_fingerprint = '{}' }}\n",
        sim.address().port(),
        sim.fingerprint(),
    );
    let inventory = folder.write("inventory.toml", &text);
    let run = fencectl(&["power", "off", "node1", "--inventory", &inventory]).run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![("node1", "off")]), "{run:#?}");
    assert_eq!(rows(&run)[0][2], "fence_redfish");
    assert_eq!(sim.power("1"), Some(bmc_sim::Power::Off));
}

#[test]
fn a_mistake_anywhere_does_nothing_at_all() {
    let bmcs = Bmcs::start(2);
    let folder = Folder::new();
    let good = format!("[groups.good]\nhosts = ['{}']\nusername = 'admin'\n", bmcs.hosts("1-2"));
    for (bad, words) in [
        (
            "[hosts.other]\ncolour = 'red'",
            "inventory.toml:5: no agent that is used here has a parameter 'colour'",
        ),
        ("[hosts.other]\npower_timeout = 'soon'", "inventory.toml:5: the value you have entered"),
        ("[hosts.other]\nagent = 'fence_nothing'", "there is no agent 'fence_nothing'"),
        ("[hosts.other]\nprovider = 'nobody'", "there is no provider 'nobody'"),
        ("[hosts.other]\naddress = 'a:b'", "what stands behind the colon is no port"),
        ("[hosts.other]\npassword = 'hunter2'", "inventory.toml:5: 'password' is a secret"),
        (
            "[groups.b]\nhosts = ['x']\nusername = 'a'\n[groups.c]\nhosts = ['x']\nlogin = 'b'",
            "the groups b and c",
        ),
        (
            "[groups.b]\nhosts = ['x[1-']",
            "inventory.toml:5: host 'x[1-': the bracket is not closed",
        ),
        ("[hosts.other]\nusername = 'a", "inventory.toml:5: "),
        ("secret = 'x'", "inventory.toml:4: "),
        ("[secret]\n", "inventory.toml:4: 'secret' is unknown here"),
    ] {
        let inventory = folder.write("inventory.toml", &format!("{good}{bad}\n"));
        let run = fencectl(&["power", "off", "@good", "-y", "--inventory", &inventory])
            .environment("FENCECTL_PASSWORD", "secret")
            .run();
        expect_refusal(&run, words);
        assert!(!run.stderr.contains("hunter2"), "{run:#?}");
    }
    assert_eq!(bmcs.on(), [true, true]);
    let inventory = folder.write("inventory.toml", &good);
    let run = fencectl(&["power", "off", "@good", "-y", "--inventory", &inventory])
        .environment("FENCECTL_PASSWORD", "secret")
        .run();
    assert_eq!((run.code, bmcs.on()), (Some(0), vec![false, false]), "{run:#?}");
}

#[test]
fn secrets_that_others_may_read_are_refused() {
    let (first, second) = (Bmcs::start(3), Bmcs::start_with(1, other_user));
    let folder = Folder::new();
    let inventory = written(&folder, &first, &second);
    for mode in [0o640, 0o604, 0o660] {
        folder.write_with_mode("secrets.toml", "[defaults]\npassword = 'x'", mode);
        let run = fencectl(&["status", "web", "--inventory", &inventory]).run();
        expect_refusal(&run, "holds secrets, and others may read it");
    }
    let password = folder.write_with_mode("password", "secret", 0o644);
    let run = fencectl(&["status", "a", "-u", "admin", "--password-file", &password]).run();
    expect_refusal(&run, "others may read it (mode 644): chmod 600");
}

#[test]
fn what_is_no_secret_does_not_belong_to_the_secrets() {
    let folder = Folder::new();
    let inventory = folder.write("inventory.toml", "secrets = 'secrets.toml'\n[hosts.a]\n");
    folder.write("secrets.toml", "[defaults]\nusername = 'admin'");
    let run = fencectl(&["status", "a", "--inventory", &inventory]).run();
    expect_refusal(&run, "secrets.toml:2: 'username' is no secret: it belongs into the inventory");
}
