//! The agents where they belong: called by the real pacemaker, stand-alone and in clusters of two nodes, whose machines
//! are namespaces that simulated BMCs switch.
//!
//! For other tests that want a cluster: [`lab`] has the place, and what agents are in it; [`cluster`] the nodes with
//! their BMCs, [`cib`] what they are told to run; [`loss`] has a node lost, and judges what comes of it.

mod bmc;
mod cib;
mod cluster;
mod lab;
mod loss;
mod traces;

mod cleanup;
mod controller;
mod failover;
mod fencer;
mod single;
