//! Who is calling. Every method receives it; nothing below reads headers for it.

use crate::error::{Code, Error, Result, reason};
use crate::pb::coaching::access::v1::Role;
use crate::pb::cresta::v1::user::User;

/// Who is calling, as the server's front established it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The one customer whose things the caller may know of; none for the operator on the machine itself, who may know all.
    pub customer: Option<String>,
    /// Resource name of the acting user, `customers/{customer}/users/{user}`; none for the operator, who acts in each
    /// customer as the user `operator`.
    pub user: Option<String>,
    /// What the caller may do.
    pub role: Role,
}

impl Caller {
    /// The operator on the machine itself.
    pub fn operator() -> Self {
        Self { customer: None, user: None, role: Role::Admin }
    }

    /// The user with this resource name, held to its customer; none where it is no user's name.
    pub fn user(name: &str, role: Role) -> Option<Self> {
        let parsed = crate::names::Name::parse("coaching.api/User", name).ok()?;
        Some(Self { customer: Some(parsed.customer.to_owned()), user: Some(name.to_owned()), role })
    }

    /// Resource name under which the caller acts in this customer.
    pub fn name_in(&self, customer: &str) -> String {
        self.user.clone().unwrap_or_else(|| format!("customers/{customer}/users/operator"))
    }

    /// The caller as resources show users.
    pub fn shown_in(&self, customer: &str) -> User {
        shown(&self.name_in(customer))
    }

    /// Whether a program calls, with a service's key.
    pub fn is_service(&self) -> bool {
        self.role == Role::Service
    }

    /// Whether the caller is held to what concerns themselves.
    pub fn is_agent(&self) -> bool {
        self.role == Role::Agent
    }

    /// Whether the caller is this user.
    pub fn is(&self, user: &str) -> bool {
        self.user.as_deref() == Some(user)
    }

    /// Refuses a caller whose role is not among those that the RPC allows.
    pub fn permit(&self, rpc: &super::behavior::Rpc) -> Result<()> {
        if rpc.roles.contains(&(self.role as i32)) {
            return Ok(());
        }
        let role = self.role.as_str_name();
        Err(Error::new(Code::PermissionDenied, reason::PERMISSION_DENIED, format!("{role} may not call {}", rpc.name))
            .with("role", role)
            .with("method", rpc.name))
    }

    /// Answers that a resource is absent when it belongs to another customer.
    pub fn within(&self, customer: &str, name: &str) -> Result<()> {
        match &self.customer {
            Some(own) if own != customer => Err(Error::not_found(name)),
            _ => Ok(()),
        }
    }
}

/// A user with nothing but the names: what is shown of one whom the directory does not know.
pub fn shown(name: &str) -> User {
    User { name: name.to_owned(), user_id: crate::names::last_segment(name).to_owned(), ..User::default() }
}
