//! A node of a cluster as its administrator has it: our agents are in /usr/sbin, pcs and crmsh are installed. No
//! cluster runs there; its configuration (CIB) is a file, as pacemaker's tools take it from `CIB_file`.

use std::fs;
use std::path::PathBuf;

use roxmltree::Document;
use tempfile::TempDir;

use super::agent::{Agent, Run, names, program};
use super::peers::folder_of;

/// A configuration with two nodes, and nothing else.
const CIB: &str = r#"<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config/>
    <nodes>
      <node id="1" uname="node1"/>
      <node id="2" uname="node2"/>
    </nodes>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
"#;

pub struct Node {
    folder: TempDir,
}

/// A fence device of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Device {
    pub agent: String,
    pub parameters: Vec<(String, String)>,
}

impl Node {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("cib.xml"), CIB).expect("a CIB");
        Self { folder }
    }

    /// Runs a shell script there, as root.
    pub fn run(&self, script: &str) -> Run {
        fs::write(self.folder.path().join("script"), script).expect("a script");
        let unshare = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
        let stage = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/node");
        let folder = self.folder.path().to_str().expect("a path that is text");
        let agents = names();
        let agents = agents.iter().map(|name| Agent::ours_called(name).program().to_owned());
        let agents = agents.chain([PathBuf::from(program("fence_controller"))]);
        Agent::at("unshare")
            .arguments(unshare)
            .arguments([stage, folder])
            .arguments(agents.map(|path| path.to_str().expect("a path that is text").to_owned()))
            .environment("PCS", folder_of("PCS").to_str().expect("a path that is text"))
            .environment("CRMSH", folder_of("CRMSH").to_str().expect("a path that is text"))
            .environment("LC_ALL", "C.UTF-8")
            .run()
    }

    /// The fence device of this id, as it stands in the configuration by now.
    pub fn device(&self, id: &str) -> Device {
        let text = fs::read_to_string(self.folder.path().join("cib.xml")).expect("the CIB");
        let cib = Document::parse(&text).expect("XML");
        let is_it = |node: &roxmltree::Node<'_, '_>| {
            node.has_tag_name("primitive") && node.attribute("id") == Some(id)
        };
        let device = cib.descendants().find(is_it).unwrap_or_else(|| panic!("no {id}: {text}"));
        let attribute = |node: roxmltree::Node<'_, '_>, name| {
            node.attribute(name).unwrap_or_default().to_owned()
        };
        let pairs = device.descendants().filter(|node| node.has_tag_name("nvpair"));
        Device {
            agent: attribute(device, "type"),
            parameters: pairs
                .map(|pair| (attribute(pair, "name"), attribute(pair, "value")))
                .collect(),
        }
    }
}
