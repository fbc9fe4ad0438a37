//! Every feature between every pair of peers that can be tried here: docs/interoperability.md has the result.

mod bmc;
mod expectation;
mod feature;
mod foreign;
mod ours;
mod relay;
mod table;
mod trial;

use std::sync::Arc;

use ipmi_lan::Quirk;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

use bmc::{Bmc, Kind};
use expectation::{Expectation, PAIRS};
use feature::Feature;
use table::{Cell, Row};
use trial::{Client, Failure, Login};

use crate::support::page;

/// How many cells are tried at once: most of them wait most of the time.
const AT_ONCE: usize = 8;

#[test]
fn peers_do_what_the_table_of_interoperability_says() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let rows = runtime.block_on(all_rows());
    let failures: Vec<String> = rows.iter().flat_map(Row::failures).collect();
    let table = table::write(&rows);
    page::leave("interoperability.md", &table);
    assert!(failures.is_empty(), "{}\n\n{table}", failures.join("\n"));
    page::expect("docs/interoperability.md", &table);
}

async fn all_rows() -> Vec<Row> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let start = |feature: Feature| {
        PAIRS.map(|(client, bmc)| {
            let room = Arc::clone(&room);
            tokio::spawn(async move {
                let _place = room.acquire().await.unwrap();
                cell(client, bmc, feature).await
            })
        })
    };
    let started: Vec<_> =
        Feature::all().into_iter().map(|feature| (feature, start(feature))).collect();
    let mut rows = Vec::new();
    for (feature, tasks) in started {
        let mut cells = Vec::new();
        for task in tasks {
            cells.push(task.await.unwrap());
        }
        rows.push(Row { feature, cells });
    }
    rows
}

async fn cell(client: Client, bmc: Kind, feature: Feature) -> Cell {
    let expectation = expectation::of(client, bmc, feature);
    let pair = Pair { client, bmc, feature };
    let is_own_quirk = matches!((bmc, feature), (Kind::IpmiSim, Feature::Quirk(_)));
    let result = match expectation {
        Expectation::Works if is_own_quirk => pair.works_with_a_quirk_of_its_own().await,
        Expectation::Works => pair.works(&Login::right(feature)).await,
        Expectation::WorksWith(option) => pair.works_only_with(option).await,
        Expectation::Fails(..) => pair.fails().await.map(drop),
        Expectation::Aborts(..) => pair.aborts().await,
        Expectation::Lacks(..) => pair.lacks().await,
    };
    Cell { expectation, result }
}

struct Pair {
    client: Client,
    bmc: Kind,
    feature: Feature,
}

impl Pair {
    async fn works(&self, right: &Login<'_>) -> Result<(), Failure> {
        self.does(right).await?;
        let impatient = Login { is_patient: false, ..*right };
        if self.feature.has_password() {
            let login = Login { password: "another-password", ..impatient };
            self.is_kept_out(&login).await.map_err(because("with a wrong password"))?;
        }
        if self.feature.has_kg() {
            let login = Login { kg: Some("another-key"), ..impatient };
            self.is_kept_out(&login).await.map_err(because("with a wrong Kg"))?;
        }
        Ok(())
    }

    /// And the BMC has the quirk: another client, by those who named it, needs its workaround.
    async fn works_with_a_quirk_of_its_own(&self) -> Result<(), Failure> {
        self.works(&Login::right(self.feature)).await?;
        let witness = Pair { client: Client::FreeIpmi, ..*self };
        witness.works_only_with("-W opensesspriv").await
    }

    async fn works_only_with(&self, option: &str) -> Result<(), Failure> {
        self.works(&Login { option: Some(option), ..Login::right(self.feature) }).await?;
        let without = Login { is_patient: false, ..Login::right(self.feature) };
        self.is_kept_out(&without).await.map_err(because("without the option")).map(drop)
    }

    /// Why it does.
    async fn fails(&self) -> Result<Failure, Failure> {
        let impatient = Login { is_patient: false, ..Login::right(self.feature) };
        match self.does(&impatient).await {
            Ok(()) => Err(Failure::new("it works now: update the table of expectations")),
            Err(failure) => Ok(failure),
        }
    }

    async fn aborts(&self) -> Result<(), Failure> {
        let failure = self.fails().await?;
        if failure.is_abort { Ok(()) } else { Err(failure) }
    }

    async fn lacks(&self) -> Result<(), Failure> {
        let bmc = Bmc::start(self.bmc, self.feature).await;
        ours::sees_that_it_is_lacking(bmc.address(), self.feature).await
    }

    async fn does(&self, login: &Login<'_>) -> Result<(), Failure> {
        self.switches_off(login).await?;
        if self.feature == Feature::Quirk(Quirk::Tag0) {
            // Only refusals show it.
            let login = Login { username: "nobody", is_patient: false, ..*login };
            let failure = self.is_kept_out(&login).await?;
            if !failure.is_about_the_user() {
                return Err(Failure::new(format!("the refusal is not heard: {}", failure.why)));
            }
        }
        Ok(())
    }

    async fn switches_off(&self, login: &Login<'_>) -> Result<(), Failure> {
        let bmc = Bmc::start(self.bmc, self.feature).await;
        self.client.power_off(bmc.address(), login).await?;
        if bmc.is_switched_off() {
            Ok(())
        } else {
            Err(Failure::new("another machine was switched, or none"))
        }
    }

    /// What it says of that.
    async fn is_kept_out(&self, login: &Login<'_>) -> Result<Failure, Failure> {
        let bmc = Bmc::start(self.bmc, self.feature).await;
        let result = self.client.power_off(bmc.address(), login).await;
        match result {
            Err(failure) if bmc.is_untouched() => Ok(failure),
            result => Err(Failure::new(format!("it gets in: {result:?}"))),
        }
    }
}

fn because(what: &'static str) -> impl Fn(Failure) -> Failure {
    move |failure| Failure { why: format!("{what}: {}", failure.why), ..failure }
}
