"""The two ways out of a sandbox, each a unix socket: a proxy to named hosts, and a broker that speaks to models in the run's place."""
