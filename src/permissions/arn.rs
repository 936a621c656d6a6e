//! Where something of AWS is, as ARNs say it.

use crate::model::{Partition, Region};

/// What stands for all accounts, regions and names.
pub(super) const ANY: &str = "*";

/// An account in a region. Of what is not known, every one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    partition: &'static str,
    region: String,
    account: String,
}

impl Location {
    pub(super) fn new(region: Option<&Region>, account: Option<&str>) -> Self {
        let partition = region.map_or("aws", |region| Partition::of(region).id);
        let or_any = |text: Option<&str>| text.unwrap_or(ANY).to_owned();
        Self { partition, region: or_any(region.map(Region::as_str)), account: or_any(account) }
    }

    pub(super) fn knows_account(&self) -> bool {
        self.account != ANY
    }

    pub(super) fn partition(&self) -> &'static str {
        self.partition
    }

    /// A text of the table with the names in braces filled in.
    pub(super) fn fill(&self, text: &str, names: &[(&str, &str)]) -> String {
        let own = [("partition", self.partition), ("region", &*self.region), ("account", &*self.account)];
        let all = own.iter().chain(names);
        // A name that has such braces itself is none of AWS's.
        all.fold(text.to_owned(), |text, (place, name)| text.replace(&format!("{{{place}}}"), name))
    }
}
