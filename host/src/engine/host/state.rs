//! Named values of the document.

use super::{Answer, HostState};
use crate::engine::bindings::imports::fishpond::plugin::state;
use crate::engine::call::work_of_bytes;
use crate::model::expiry::unseen_until;
use crate::model::{Op, Value};

impl state::Host for HostState {
    fn get(&mut self, at: u32, name: String) -> Answer<Option<Vec<u8>>> {
        let (call, at) = self.enter(at, name.len())?;
        let value = call.document(at).value(&name, call.time(at));
        let bytes = value.map(|value| value.bytes.to_vec());
        // A document's size bounds the copy, so it can be paid for afterwards.
        self.charge(work_of_bytes(bytes.as_ref().map_or(0, Vec::len)))?;
        Ok(bytes)
    }

    fn set(&mut self, at: u32, name: String, value: Vec<u8>, expires: Option<u64>) -> Answer<()> {
        self.bounded("value_name_bytes", name.len(), self.limits.value_name_bytes)?;
        let (call, at) = self.enter_writing(at, "set state", name.len() + value.len())?;
        let others = call.document(at).values().len() + call.document(at).timers().len();
        self.charge(others)?;
        self.expire(at, unseen_until)?;
        let call = self.call()?;
        call.change(at, Op::Set { name: name.into(), value: Value { bytes: value.into(), expires } });
        self.check_document(at)
    }

    fn remove(&mut self, at: u32, name: String) -> Answer<()> {
        let (call, at) = self.enter_writing(at, "remove state", name.len())?;
        let others = call.document(at).values().len();
        self.charge(others)?;
        let call = self.call()?;
        if call.document(at).values().iter().any(|(stored, _)| **stored == *name) {
            call.change(at, Op::Remove { name: name.into() });
        }
        self.check_document(at)
    }
}
