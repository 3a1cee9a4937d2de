//! Puts the service together: the one place where doorways, services, REST and front meet.

use prost_reflect::DescriptorPool;
use tonic::service::Routes;

use crate::api::Api;
use crate::error::{Error, Result};
use crate::pb;
use crate::rest::{Options, Rest};
use crate::server::{Health, Server, Settings};

/// The whole service over these doorways. `max_message` bounds a request in bytes on every road. It says NOT_SERVING until
/// its [`Server::health`] is told otherwise. Fails on descriptors that do not fit together, which is a fault of the build.
pub async fn assemble(settings: Settings, max_message: usize, api: Api) -> Result<Server<Rest<Routes>>> {
    let pool = DescriptorPool::decode(pb::DESCRIPTORS).map_err(Error::internal)?;
    let routes = crate::services::routes(api, max_message);
    let health = Health::new(pool.services().map(|service| service.full_name().to_owned())).await;
    let options = Options { max_body: max_message, ..Options::default() };
    Server::new(settings, health, routes, pb::DESCRIPTORS, |grpc| Rest::new(&pool, &[], grpc, options))
}
