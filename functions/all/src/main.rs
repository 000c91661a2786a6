//! Every function in one binary: runs the one that `MILLWRIGHT_FUNCTION`, or else Lambda's own name
//! of the function, says.

use millwright_config::Config;
use millwright_runtime::{StartError, block_on};

fn main() -> Result<(), StartError> {
    let config = Config::from_environment()?;
    let Some(function) = all::function(&config.function) else {
        return Err(unknown(&config.function));
    };
    block_on((function.start)())
}

fn unknown(name: &str) -> StartError {
    let services = all::services();
    let known: Vec<&str> =
        services.iter().flat_map(|service| &service.functions).map(|f| f.name).collect();
    format!("there is no function {name:?}; there are {}", known.join(", ")).into()
}
