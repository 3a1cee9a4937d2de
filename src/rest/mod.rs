//! placeholder, replaced by the REST room
