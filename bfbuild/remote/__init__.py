"""The client of the Remote Execution API v2: how servers are asked for results, content and executions."""
