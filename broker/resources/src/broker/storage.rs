//! Reads `spec.diskBackedMessageBuffer` and `spec.persistence`.
//!
//! Both are checked as a whole. One process on its own has no volume claims, and this version
//! keeps everything in memory, which a note says.

use crate::bounded::Bounded;
use crate::broker::settings::{BrokerSettings, DiskBuffer, Persistence};
use crate::choice::{Switch, choice};
use crate::fields::{Fields, Report};
use crate::quantity;

const QUANTITY: &str = "a size such as 10G or 10Gi";

choice! {
    /// What goes to disk.
    Selection {
        /// Everything.
        All = "All",
        /// Nothing.
        None = "None",
        /// What the settings beside it name.
        Custom = "Custom",
    }
}

choice! {
    /// How keys of the state store are given.
    KeyType {
        /// With wildcards.
        Pattern = "Pattern",
        /// As text.
        String = "String",
        /// As bytes.
        Binary = "Binary",
    }
}

/// Reads both.
pub(crate) fn read(spec: &mut Fields<'_>, settings: &mut BrokerSettings, report: &mut Report) {
    let buffer = "diskBackedMessageBuffer";
    if let Some(field) = spec.take_any(buffer, &["diskBackedMessageBufferSettings"], report) {
        let message = "is not supported by this version: all messages stay in memory";
        report.note(field.place(), &field.path, message);
        if let Some(mut fields) = field.fields(report) {
            settings.disk_buffer = size(&mut fields, report).map(|bytes| DiskBuffer { bytes });
            volume_claim(&mut fields, "ephemeralVolumeClaimSpec", report);
            volume_claim(&mut fields, "persistentVolumeClaimSpec", report);
            fields.finish(report);
        }
    }
    if let Some(field) = spec.take("persistence") {
        let message = "is not supported by this version: nothing outlives the process";
        report.note(field.place(), &field.path, message);
        if let Some(fields) = field.fields(report) {
            settings.persistence = persistence(fields, report);
        }
    }
}

fn persistence(mut fields: Fields<'_>, report: &mut Report) -> Option<Persistence> {
    let bytes = size(&mut fields, report);
    volume_claim(&mut fields, "persistentVolumeClaimSpec", report);
    if let Some(mut encryption) = fields.inner("encryption", report) {
        switch(&mut encryption, report);
        encryption.finish(report);
    }
    if let Some(mut retain) = fields.inner("retain", report) {
        selection(&mut retain, "retainSettings", &["topics"], report);
        retain.finish(report);
    }
    if let Some(mut queue) = fields.inner("subscriberQueue", report) {
        let lists = ["subscriberClientIds", "topics"];
        selection(&mut queue, "subscriberQueueSettings", &lists, report);
        queue.finish(report);
    }
    if let Some(mut store) = fields.inner("stateStore", report) {
        selection(&mut store, "stateStoreSettings", &[], report);
        store.finish(report);
    }
    if let Some(mut dynamic) = fields.inner("dynamicSettings", report) {
        for name in ["userPropertyKey", "userPropertyValue"] {
            if let Some(field) = dynamic.take(name) {
                field.text(report);
            }
        }
        dynamic.finish(report);
    }
    fields.finish(report);
    bytes.map(|bytes| Persistence { bytes })
}

/// `maxSize`, which must be there.
fn size<const MIN: u64, const MAX: u64>(
    fields: &mut Fields<'_>,
    report: &mut Report,
) -> Option<Bounded<MIN, MAX>> {
    let expected = format!("{QUANTITY}, {MIN} to {MAX} bytes");
    let parse = |text: &str| quantity::bytes(text).and_then(Bounded::new);
    fields
        .required("maxSize", report)?
        .parsed(report, &expected, parse)
}

fn switch(fields: &mut Fields<'_>, report: &mut Report) {
    if let Some(field) = fields.take("mode") {
        field.choice::<Switch>(report);
    }
}

/// `mode` and the settings that refine it.
fn selection(
    fields: &mut Fields<'_>,
    settings: &'static str,
    lists: &[&'static str],
    report: &mut Report,
) {
    if let Some(field) = fields.take("mode") {
        field.choice::<Selection>(report);
    }
    let Some(mut inner) = fields.inner(settings, report) else {
        return;
    };
    for list in lists {
        if let Some(field) = inner.take(list) {
            texts(&field, report);
        }
    }
    if lists.is_empty()
        && let Some(field) = inner.take("stateStoreResources")
    {
        for item in field.items(report) {
            if let Some(mut keys) = item.fields(report) {
                if let Some(field) = keys.required("keyType", report) {
                    field.choice::<KeyType>(report);
                }
                if let Some(field) = keys.required("keys", report) {
                    texts(&field, report);
                }
                keys.finish(report);
            }
        }
    }
    if let Some(mut dynamic) = inner.inner("dynamic", report) {
        switch(&mut dynamic, report);
        dynamic.finish(report);
    }
    inner.finish(report);
}

fn texts(field: &crate::fields::Field<'_>, report: &mut Report) {
    for item in field.items(report) {
        item.text(report);
    }
}

/// A volume claim: its fields are those of Kubernetes, which checks what is in them.
fn volume_claim(fields: &mut Fields<'_>, name: &'static str, report: &mut Report) {
    let Some(field) = fields.take(name) else {
        return;
    };
    field.unused(report);
    if let Some(mut claim) = field.fields(report) {
        let names = [
            "volumeName",
            "volumeMode",
            "storageClassName",
            "accessModes",
            "dataSource",
            "dataSourceRef",
            "resources",
            "selector",
        ];
        claim.skip(&names);
        claim.finish(report);
    }
}
