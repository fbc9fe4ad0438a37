//! The metadata of an agent, in the white space of the Python agents: some callers compare them as text.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use fencing::{Action, Agent, AgentAction, Argument, Getopt, Kind, Parameter};

/// The metadata of the agent, as XML.
pub(crate) fn metadata(agent: &Agent) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write_agent(&mut text, agent);
    text
}

fn write_agent(xml: &mut String, agent: &Agent) -> fmt::Result {
    writeln!(xml, "<?xml version=\"1.0\" ?>")?;
    let description = escape(&agent.short_description);
    writeln!(xml, "<resource-agent name=\"{}\" shortdesc=\"{description}\" >", agent.name)?;
    for (name, description) in &agent.other_names {
        writeln!(xml, "<symlink name=\"{name}\" shortdesc=\"{}\"/>", escape(description))?;
    }
    writeln!(xml, "<longdesc>{}</longdesc>", escape(&agent.long_description))?;
    writeln!(xml, "<vendor-url>{}</vendor-url>", escape(&agent.vendor_url))?;
    writeln!(xml, "<parameters>")?;
    for parameter in &agent.parameters {
        write_parameter(xml, parameter)?;
    }
    writeln!(xml, "</parameters>")?;
    write_actions(xml, &agent.actions)?;
    writeln!(xml, "</resource-agent>")
}

/// A parameter with an old name is there twice, so that configurations with either are valid.
fn write_parameter(xml: &mut String, parameter: &Parameter) -> fmt::Result {
    let Some(old_name) = &parameter.old_name else {
        return write_named_parameter(xml, parameter, &parameter.name, "");
    };
    let obsoletes = format!(" obsoletes=\"{old_name}\"");
    write_named_parameter(xml, parameter, &parameter.name, &obsoletes)?;
    write_named_parameter(xml, parameter, old_name, " deprecated=\"1\"")
}

fn write_named_parameter(
    xml: &mut String,
    parameter: &Parameter,
    name: &str,
    history: &str,
) -> fmt::Result {
    let required = u8::from(parameter.required);
    writeln!(xml, "\t<parameter name=\"{name}\" unique=\"0\" required=\"{required}\"{history}>")?;
    writeln!(xml, "\t\t<getopt mixed=\"{}\" />", escape(&mixed(&parameter.getopt)))?;
    write_content(xml, parameter)?;
    writeln!(xml, "\t\t<shortdesc lang=\"en\">{}</shortdesc>", escape(&parameter.help))?;
    writeln!(xml, "\t</parameter>")
}

fn write_content(xml: &mut String, parameter: &Parameter) -> fmt::Result {
    write!(xml, "\t\t<content type=\"{}\"", content_type(parameter))?;
    if let Some(default) = &parameter.default {
        write!(xml, " default=\"{}\"", escape(default))?;
    }
    let Kind::Select(words) = &parameter.kind else {
        return writeln!(xml, "  />");
    };
    writeln!(xml, "  >")?;
    for word in words {
        writeln!(xml, "\t\t\t<option value=\"{}\" />", escape(word))?;
    }
    writeln!(xml, "\t\t</content>")
}

fn content_type(parameter: &Parameter) -> &'static str {
    match (&parameter.kind, &parameter.getopt.argument) {
        (Kind::Boolean, Argument::None) => "boolean",
        // The schema's booleans are switches; one that takes an argument is text to it.
        (Kind::Boolean | Kind::String | Kind::Secret, _) => "string",
        (Kind::Integer, _) => "integer",
        (Kind::Seconds, _) => "second",
        (Kind::Select(_), _) => "select",
    }
}

/// Short and long option together: `-a, --ip=[ip]`.
pub(crate) fn mixed(getopt: &Getopt) -> String {
    let mut text = getopt.short.map(|short| format!("-{short}, ")).unwrap_or_default();
    text.push_str("--");
    text.push_str(&getopt.long);
    if let Argument::Named(name) = &getopt.argument {
        text.push_str("=[");
        text.push_str(name);
        text.push(']');
    }
    text
}

fn write_actions(xml: &mut String, actions: &[AgentAction]) -> fmt::Result {
    writeln!(xml, "<actions>")?;
    for action in shown(actions) {
        match action {
            // The agent is not run to switch a node on when it joins the cluster.
            AgentAction::Shown(Action::On) => {
                writeln!(xml, "\t<action name=\"on\" automatic=\"0\"/>")?;
            }
            other => writeln!(xml, "\t<action name=\"{}\" />", other.name())?,
        }
    }
    writeln!(xml, "</actions>")
}

/// The actions that an agent tells of.
pub(crate) fn shown(actions: &[AgentAction]) -> impl Iterator<Item = AgentAction> {
    actions.iter().copied().filter(|action| !matches!(action, AgentAction::Accepted(_)))
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    Cow::Owned(text.replace('>', "&gt;").replace('"', "&quot;"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// What the metadata say of one parameter, after its name.
    fn shown(name: &str) -> String {
        let metadata = metadata(&testing::agent());
        let (_, from_here) = metadata.split_once(&format!("\t<parameter name=\"{name}\"")).unwrap();
        from_here.split_once("\t</parameter>\n").unwrap().0.to_owned()
    }

    #[test]
    fn the_frame_is_that_of_the_python_agents() {
        let agent = Agent {
            parameters: Vec::new(),
            long_description: "A < B & C".into(),
            ..testing::agent()
        };
        let expected = r#"<?xml version="1.0" ?>
<resource-agent name="fence_ipmilan" shortdesc="Fence agent for IPMI over LAN" >
<symlink name="fence_ilo3" shortdesc="HP iLO 3, by IPMI 2.0 over LAN"/>
<symlink name="fence_ilo4" shortdesc="HPE iLO 4, by IPMI 2.0 over LAN"/>
<symlink name="fence_ilo5" shortdesc="HPE iLO 5, by IPMI 2.0 over LAN"/>
<symlink name="fence_ipmilanplus" shortdesc="Any BMC, by IPMI 2.0 over LAN"/>
<symlink name="fence_imm" shortdesc="IBM IMM, by IPMI over LAN"/>
<symlink name="fence_idrac" shortdesc="Dell iDRAC, by IPMI over LAN"/>
<longdesc>A &lt; B &amp; C</longdesc>
<vendor-url></vendor-url>
<parameters>
</parameters>
<actions>
	<action name="on" automatic="0"/>
	<action name="off" />
	<action name="reboot" />
	<action name="status" />
	<action name="monitor" />
	<action name="metadata" />
	<action name="manpage" />
	<action name="validate-all" />
	<action name="diag" />
</actions>
</resource-agent>
"#;
        assert_eq!(metadata(&agent), expected);
    }

    #[test]
    fn each_kind_of_parameter_has_its_form() {
        let agent = testing::agent();
        let help = |name| escape(&agent.parameter(name).unwrap().help).into_owned();
        let cases = [
            (
                "action",
                r#" required="1""#,
                "-o, --action=[action]",
                r#""string" default="reboot"  />"#,
            ),
            ("ip", r#" required="0" obsoletes="ipaddr""#, "-a, --ip=[ip]", r#""string"  />"#),
            ("ipaddr", r#" required="0" deprecated="1""#, "-a, --ip=[ip]", r#""string"  />"#),
            ("ipport", r#" required="0""#, "-u, --ipport=[port]", r#""integer" default="623"  />"#),
            ("lanplus", r#" required="0""#, "-P, --lanplus", r#""boolean" default="0"  />"#),
            (
                "password",
                r#" required="0" obsoletes="passwd""#,
                "-p, --password=[password]",
                r#""string"  />"#,
            ),
            ("quiet", r#" required="0""#, "-q, --quiet", r#""boolean"  />"#),
            ("verbose_level", r#" required="0""#, "--verbose-level", r#""integer"  />"#),
            ("delay", r#" required="0""#, "--delay=[seconds]", r#""second" default="0"  />"#),
            (
                "disable_timeout",
                r#" required="0""#,
                "--disable-timeout=[true/false]",
                r#""string"  />"#,
            ),
            (
                "method",
                r#" required="0""#,
                "-m, --method=[method]",
                "\"select\" default=\"onoff\"  >\n\t\t\t<option value=\"onoff\" />\n\
                 \t\t\t<option value=\"cycle\" />\n\t\t</content>",
            ),
        ];
        for (name, history, getopt, content) in cases {
            let expected = format!(
                " unique=\"0\"{history}>\n\
                 \t\t<getopt mixed=\"{getopt}\" />\n\
                 \t\t<content type={content}\n\
                 \t\t<shortdesc lang=\"en\">{}</shortdesc>\n",
                help(name)
            );
            assert_eq!(shown(name), expected);
        }
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("plain"), "plain");
        assert_eq!(
            escape(r#"<a href="x">&amp;</a>"#),
            "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;"
        );
    }
}
