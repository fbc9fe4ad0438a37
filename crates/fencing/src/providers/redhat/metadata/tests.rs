use proptest::prelude::*;

use super::*;
use crate::{Argument, Getopt, Kind};

/// An agent with these elements inside `parameters` and `actions`.
fn agent_with(parameters: &str, actions: &str) -> (Agent, Words) {
    let xml = format!(
        "<resource-agent><parameters>{parameters}</parameters><actions>{actions}</actions></resource-agent>"
    );
    parse(&xml).unwrap()
}

fn parameters(xml: &str) -> Vec<Parameter> {
    agent_with(xml, "").0.parameters
}

fn parameter(xml: &str) -> Parameter {
    let mut parameters = parameters(xml);
    assert_eq!(parameters.len(), 1, "{parameters:?}");
    parameters.remove(0)
}

const WHOLE: &str = r#"<?xml version="1.0" ?>
<resource-agent name="fence_other" shortdesc="Fence agent for
  a test">
<longdesc>First line.
Second line.
</longdesc>
<vendor-url> http://example.com </vendor-url>
<symlink name="fence_test2" shortdesc="more"/>
<parameters>
	<parameter name="ip" unique="0" required="1" obsoletes="ipaddr">
		<getopt mixed="-a, --ip=[ip]" />
		<content type="string" />
		<shortdesc lang="en">Where
		it is</shortdesc>
	</parameter>
	<parameter name="ipaddr" unique="0" required="1" deprecated="1">
		<getopt mixed="-a, --ip=[ip]" />
		<content type="string" default="localhost" />
	</parameter>
	<parameter name="lanplus" required="0">
		<getopt mixed="-P, --lanplus" />
		<content type="boolean" default="1" />
	</parameter>
	<parameter name="method">
		<content type="select" default="onoff"><option value="onoff" /><option value="cycle"/></content>
	</parameter>
</parameters>
<actions>
	<action name="on" on_target="1" automatic="1"/>
	<action name="off" />
	<action name="monitor" />
	<action name="meta-data" />
	<action name="validate-all" />
	<action name="dance" />
</actions>
</resource-agent>
"#;

#[test]
fn a_whole_agent_is_understood() {
    let (agent, words) = parse(WHOLE).unwrap();
    assert_eq!(agent.short_description, "Fence agent for a test");
    assert_eq!(agent.long_description, "First line.\nSecond line.");
    assert_eq!(agent.vendor_url, "http://example.com");
    assert_eq!(agent.unfencing, Unfencing { automatic: true, on_target: true });
    assert_eq!(agent.plug, Plug::Ignored);
    assert_eq!(words, Words { action: "action", on: "on", off: "off" });
    let shown = |action| AgentAction::Shown(action);
    assert_eq!(
        agent.actions,
        [
            shown(Action::On),
            shown(Action::Off),
            shown(Action::Monitor),
            AgentAction::Metadata,
            AgentAction::ValidateAll
        ]
    );
    let [ip, lanplus, method] = &agent.parameters[..] else { panic!("{:?}", agent.parameters) };
    assert_eq!(
        *ip,
        Parameter {
            name: "ip".into(),
            old_name: Some("ipaddr".into()),
            kind: Kind::String,
            default: Some("localhost".into()),
            required: true,
            getopt: Getopt {
                short: Some('a'),
                long: "ip".into(),
                argument: Argument::Named("ip".into())
            },
            help: "Where it is".into(),
        }
    );
    assert_eq!((&lanplus.kind, lanplus.default.as_deref()), (&Kind::Boolean, Some("1")));
    assert_eq!(method.kind, Kind::Select(vec!["onoff".into(), "cycle".into()]));
}

#[test]
fn each_content_type_is_known_and_others_are_text() {
    for (content, kind) in [
        (r#"<content type="boolean"/>"#, Kind::Boolean),
        (r#"<content type="integer"/>"#, Kind::Integer),
        (r#"<content type="second"/>"#, Kind::Seconds),
        (r#"<content type="string"/>"#, Kind::String),
        (r#"<content type="select"/>"#, Kind::String),
        (r#"<content type="colour"/>"#, Kind::String),
        ("<content/>", Kind::String),
        ("", Kind::String),
    ] {
        let xml = format!(r#"<parameter name="x">{content}</parameter>"#);
        assert_eq!(parameter(&xml).kind, kind, "{content}");
    }
}

#[test]
fn secrets_are_known_by_their_names() {
    for (name, is_secret) in [
        ("password", true),
        ("passwd", true),
        ("snmp_priv_passwd", true),
        ("snmp-priv-passwd", true),
        ("key_passphrase", true),
        ("community", true),
        ("hexadecimal_kg", true),
        ("secret_key", true),
        ("apikey", true),
        ("token", true),
        ("api_token", true),
        ("my-apikey", true),
        ("ibm_api_key", true),
        ("access_key", true),
        ("access_key_id", false),
        ("password_script", false),
        ("snmp_priv_passwd_script", false),
        ("token_file", false),
        ("key", false),
        ("username", false),
    ] {
        let xml = format!(r#"<parameter name="{name}"><content type="string"/></parameter>"#);
        let kind = if is_secret { Kind::Secret } else { Kind::String };
        assert_eq!(parameter(&xml).kind, kind, "{name}");
    }
}

#[test]
fn defaults_that_are_no_values_are_no_reason_to_fail() {
    for (kind, default) in
        [("boolean", "False"), ("boolean", "maybe"), ("integer", "many"), ("second", "-1")]
    {
        let xml = format!(
            r#"<parameter name="x"><content type="{kind}" default="{default}"/></parameter>"#
        );
        assert_eq!(parameter(&xml).default.as_deref(), Some(default));
    }
    let empty = r#"<parameter name="x"><content type="string" default=""/></parameter>"#;
    assert_eq!(parameter(empty).default, None);
}

#[test]
fn an_old_name_is_no_parameter_of_its_own() {
    // The old one may come first.
    let pair = parameter(
        r#"<parameter name="port" deprecated="1" required="1"/><parameter name="plug" obsoletes="port"/>"#,
    );
    assert_eq!((&*pair.name, pair.old_name.as_deref()), ("plug", Some("port")));
    assert!(pair.required);
    // The old one need not be there.
    let alone = parameter(r#"<parameter name="plug" obsoletes="port"/>"#);
    assert_eq!(alone.old_name.as_deref(), Some("port"));
    // One that is not deprecated stays what it is.
    let both = parameters(r#"<parameter name="plug" obsoletes="port"/><parameter name="port"/>"#);
    let names: Vec<_> = both.iter().map(|p| (&*p.name, p.old_name.as_deref())).collect();
    assert_eq!(names, [("plug", None), ("port", None)]);
    // Deprecated without a new name: it is all that there is.
    assert_eq!(parameter(r#"<parameter name="udpport" deprecated="1"/>"#).name, "udpport");
    assert_eq!(parameter(r#"<parameter name="x" deprecated="1" obsoletes="x"/>"#).name, "x");
}

#[test]
fn names_that_no_line_can_carry_and_repetitions_are_left_out() {
    let xml = r#"<parameter name="a=b"/><parameter name=""/><parameter name="a b"/><parameter/>
                 <parameter name="a&#10;b"/><parameter name="tls1.0"/><parameter name="tls1.0" required="1"/>"#;
    let parameter = parameter(xml);
    assert_eq!((&*parameter.name, parameter.required), ("tls1.0", false));
}

#[test]
fn the_command_line_form_is_read_in_all_its_dialects() {
    let named = |name: &'static str| Argument::Named(name.into());
    for (mixed, kind, short, long, argument) in [
        ("-a, --ip=[ip]", "string", Some('a'), "ip", named("ip")),
        ("--power-wait=[seconds]", "second", None, "power-wait", named("seconds")),
        ("-P, --lanplus", "boolean", Some('P'), "lanplus", Argument::None),
        ("-R, --some-script", "string", Some('R'), "some-script", Argument::Unnamed),
        ("--ip=&lt;ip&gt;", "string", None, "ip", named("ip")),
        ("-a &lt;ip&gt;", "string", Some('a'), "the-name", Argument::Unnamed),
        ("-n, --nodename=N[,N...]", "string", Some('n'), "nodename", named("N[,N...]")),
        ("", "string", None, "the-name", Argument::Unnamed),
    ] {
        let xml = format!(
            r#"<parameter name="the_name"><getopt mixed="{mixed}"/><content type="{kind}"/></parameter>"#
        );
        let getopt = Getopt { short, long: long.into(), argument };
        assert_eq!(parameter(&xml).getopt, getopt, "{mixed}");
    }
}

#[test]
fn a_plug_chooses_where_it_is_required_or_can_be_listed() {
    for (parameters, actions, plug) in [
        (r#"<parameter name="plug" required="1"/>"#, "", Plug::Required),
        (r#"<parameter name="port" required="1"/>"#, "", Plug::Required),
        (r#"<parameter name="plug"/>"#, r#"<action name="list"/>"#, Plug::Chooses),
        (r#"<parameter name="plug"/>"#, r#"<action name="off"/>"#, Plug::Ignored),
        ("", r#"<action name="list"/>"#, Plug::Ignored),
    ] {
        assert_eq!(agent_with(parameters, actions).0.plug, plug, "{parameters}");
    }
}

#[test]
fn agents_of_old_are_spoken_to_in_their_words() {
    let (agent, words) = agent_with(
        r#"<parameter name="option"><content type="string" default="disable"/></parameter>"#,
        r#"<action name="enable" automatic="1"/><action name="disable"/>"#,
    );
    assert_eq!(words, Words { action: "option", on: "enable", off: "disable" });
    assert!(agent.can(Action::On) && agent.can(Action::Off));
    assert!(agent.unfencing.automatic);
    let action = agent.parameter("action").unwrap();
    assert_eq!((&*action.name, action.default.as_deref()), ("action", Some("disable")));
    // Who has both has grown up.
    let both = r#"<action name="enable"/><action name="on"/><action name="off"/>"#;
    let (agent, words) = agent_with(r#"<parameter name="action"/>"#, both);
    assert_eq!(words, Words { action: "action", on: "on", off: "off" });
    assert_eq!(agent.actions.len(), 2);
}

#[test]
fn what_describes_no_agent_is_an_error() {
    for text in ["", "usage: fence_x", "<a", "<a></b>", "<!DOCTYPE a><resource-agent/>"] {
        assert!(matches!(parse(text), Err(MetadataError::Xml(_))), "{text}");
    }
    assert_eq!(parse("<html/>").unwrap_err(), MetadataError::NoAgent("html".into()));
    // An agent that says nothing of itself can be loaded, and do nothing.
    assert!(parse("<resource-agent/>").unwrap().0.actions.is_empty());
}

#[test]
fn hostile_depth_and_size_are_errors() {
    assert!(parse(&"<a>".repeat(100_000)).is_err());
    let many = "<a/>".repeat(100_000);
    assert!(parse(&format!("<resource-agent>{many}</resource-agent>")).is_err());
}

#[test]
fn texts_cannot_command_a_terminal() {
    let xml =
        "<resource-agent shortdesc='a\u{9b}31m'><longdesc>b\u{85}c</longdesc></resource-agent>";
    let (agent, _) = parse(xml).unwrap();
    assert_eq!((&*agent.short_description, &*agent.long_description), ("a31m", "bc"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..WHOLE.len(), length in 0..40usize, put in "[<>/=\"' a-z&;\\[\\]-]{0,10}") {
        let end = (at + length).min(WHOLE.len());
        let (Some(before), Some(after)) = (WHOLE.get(..at), WHOLE.get(end..)) else { return Ok(()) };
        let _ = parse(&format!("{before}{put}{after}"));
    }

    #[test]
    fn no_command_line_form_makes_it_panic(mixed in "\\PC{0,40}") {
        let mixed = mixed.replace(['<', '&', '"'], "-");
        let _ = parameters(&format!(r#"<parameter name="x"><getopt mixed="{mixed}"/></parameter>"#));
    }
}
