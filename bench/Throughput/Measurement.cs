namespace Throughput;

/// <summary>One thing that is measured.</summary>
/// <param name="Name">What it is called on the command line and in the results.</param>
/// <param name="Description">What is done.</param>
/// <param name="Baseline">
/// The name of what it is compared with, or null: a baseline itself, or something that has none.
/// </param>
/// <param name="Create">Makes it ready to be done once.</param>
internal sealed record Measurement(string Name, string Description, string? Baseline, Func<Settings, Workload> Create);
