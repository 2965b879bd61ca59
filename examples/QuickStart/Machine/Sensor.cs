namespace QuickStart.Machine;

/// <summary>Something of this machine that can be measured.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="Unit">The unit of the values.</param>
/// <param name="Measure">Measures it now. Called by one thread at a time.</param>
internal sealed record Sensor(string Name, string Unit, Func<double> Measure);
