//! What a cluster is told to run: the configuration of pacemaker, as XML.

use std::fmt::Write as _;

/// A configuration. Fencing is on, and nothing is run yet.
#[derive(Clone, Debug, Default)]
pub struct Cib {
    properties: String,
    resources: String,
    constraints: String,
    topology: String,
}

/// A resource: a fence device, or what an OCF resource agent starts.
#[derive(Clone, Debug)]
pub struct Primitive {
    id: String,
    agent: String,
    attributes: String,
    operations: String,
}

impl Cib {
    pub fn new() -> Self {
        Self::default()
            // The first election would be waited for for 20 seconds; and a fencing that fails, for a minute.
            .property("dc-deadtime", "2s")
            .property("stonith-timeout", "40s")
            // On a busy machine one thing would be started after the other: a service behind a fence device whose BMC
            // does not answer.
            .property("load-threshold", "0%")
    }

    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties += &pair("property", name, value);
        self
    }

    pub fn run(mut self, primitive: &Primitive) -> Self {
        self.resources += &primitive.to_xml();
        self
    }

    /// On each node, as `ID-clone`; also while a node is lost and not fenced yet, for it may be needed for that.
    pub fn run_everywhere(mut self, primitive: &Primitive) -> Self {
        let id = format!("{}-clone", primitive.id);
        let _ = write!(
            self.resources,
            "<clone id='{id}'>{}<meta_attributes id='{id}-meta'>{}</meta_attributes></clone>",
            primitive.to_xml(),
            pair(&id, "requires", "nothing")
        );
        self
    }

    /// The second is started after the first, and stopped before it.
    pub fn order(mut self, first: &str, then: &str) -> Self {
        let _ = write!(
            self.constraints,
            "<rsc_order id='{first}-{then}' first='{first}' then='{then}'/>"
        );
        self
    }

    /// Where a resource is to be rather than elsewhere, as long as it is nowhere.
    pub fn prefer(mut self, resource: &str, node: &str) -> Self {
        let _ = write!(
            self.constraints,
            "<rsc_location id='{resource}-{node}' rsc='{resource}' node='{node}' score='10'/>"
        );
        self
    }

    /// One way to fence a node, among others; the first is tried first.
    pub fn level(mut self, node: &str, level: u32, device: &str) -> Self {
        let _ = write!(
            self.topology,
            "<fencing-level id='{node}-{level}' target='{node}' index='{level}' devices='{device}'/>"
        );
        self
    }

    /// What pacemaker reads at its start.
    pub fn to_xml(&self) -> String {
        let Self { properties, resources, constraints, topology } = self;
        format!(
            "<cib crm_feature_set='3.16.1' validate-with='pacemaker-3.9' epoch='1' num_updates='0' admin_epoch='0'>\
             <configuration>\
             <crm_config><cluster_property_set id='properties'>{properties}</cluster_property_set></crm_config>\
             <nodes/><resources>{resources}</resources><constraints>{constraints}</constraints>\
             <fencing-topology>{topology}</fencing-topology>\
             <rsc_defaults><meta_attributes id='defaults'>{stay}</meta_attributes></rsc_defaults>\
             </configuration><status/></cib>",
            stay = pair("default", "resource-stickiness", "100")
        )
    }
}

impl Primitive {
    /// A fence device.
    pub fn device(id: &str, agent: &str) -> Self {
        Self::new(id, format!("class='stonith' type='{agent}'"))
    }

    /// What `ocf:provider:kind` starts.
    pub fn ocf(id: &str, provider: &str, kind: &str) -> Self {
        Self::new(id, format!("class='ocf' provider='{provider}' type='{kind}'"))
    }

    fn new(id: &str, agent: String) -> Self {
        Self { id: id.to_owned(), agent, attributes: String::new(), operations: String::new() }
    }

    fn to_xml(&self) -> String {
        let Self { id, agent, attributes, operations } = self;
        format!(
            "<primitive id='{id}' {agent}><instance_attributes id='{id}-attributes'>{attributes}</instance_attributes>\
             <operations>{operations}</operations></primitive>"
        )
    }

    /// With this parameter.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.attributes += &pair(&self.id, name, value);
        self
    }

    /// With this action, again and again if the interval is not 0, such as `10s`; it may take so long.
    pub fn operation(mut self, name: &str, interval: &str, timeout: &str) -> Self {
        let id = &self.id;
        let _ = write!(
            self.operations,
            "<op id='{id}-{name}-{interval}' name='{name}' interval='{interval}' timeout='{timeout}'/>"
        );
        self
    }
}

fn pair(prefix: &str, name: &str, value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;");
    format!("<nvpair id='{prefix}-{name}' name='{name}' value='{value}'/>")
}
