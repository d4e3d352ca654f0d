use std::collections::BTreeSet;

use async_trait::async_trait;
use relman_adapters::directory::StaticDirectory;
use relman_core::{
    port::Directory,
    unit::{Actor, Role},
};
use relman_testkit::conformance::{self, Able, Unable, directory::DirectoryFixture};

struct Table(StaticDirectory);

impl Table {
    fn new() -> Self {
        Self(toml::from_str("\"user:ana\" = [\"approver\", \"author\"]\n\"service:ci\" = []\n").unwrap())
    }
}

#[async_trait]
impl DirectoryFixture for Table {
    fn directory(&self) -> &dyn Directory {
        &self.0
    }

    fn known(&self) -> (Actor, BTreeSet<Role>) {
        let roles = ["approver", "author"].map(|role| role.parse().unwrap());
        ("user:ana".parse().unwrap(), roles.into())
    }

    fn without_roles(&self) -> Able<Actor> {
        Ok("service:ci".parse().unwrap())
    }

    async fn promote(&self, _: &Actor, _: &Role) -> Able<()> {
        Err(Unable::because("the table doesn't change while the program runs"))
    }

    async fn cut_off(&self) -> Able<()> {
        Err(Unable::because("the table is in memory"))
    }
}

conformance::directory! {
    #[tokio::test]
    mod table { Table::new() }
}
