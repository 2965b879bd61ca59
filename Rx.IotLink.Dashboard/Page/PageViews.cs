namespace Rx.IotLink.Dashboard;

/// <summary>The numbers at the top of the page.</summary>
/// <param name="Fleet">The fleet in numbers.</param>
/// <param name="Health">Its health.</param>
/// <param name="Missing">How many expected devices are not up.</param>
/// <param name="MissingIds">The first of them.</param>
internal sealed record PageSummaryView(SummaryView Fleet, HealthView Health, int Missing, IReadOnlyList<string> MissingIds);

/// <summary>The last samples of the fleet, the oldest first.</summary>
internal sealed record FleetSeriesView(double StepSeconds, float[] Up, float[] Received, float[] Sent);

/// <summary>A row of the table.</summary>
/// <param name="Id">The device.</param>
/// <param name="State">Its state.</param>
/// <param name="Since">Since when.</param>
/// <param name="Outage">Why it is down.</param>
/// <param name="Received">Received lines a second.</param>
/// <param name="Sent">Accepted lines a second.</param>
/// <param name="Outbox">Lines that wait for it.</param>
/// <param name="Inbox">Lines of it that wait for the application.</param>
/// <param name="Spark">The last rates of received lines.</param>
internal sealed record PageRowView(
    string Id, string State, DateTimeOffset Since, OutageView? Outage, float Received, float Sent, int Outbox, int Inbox, float[] Spark);

/// <summary>All about the device that is looked at.</summary>
internal sealed record PageDeviceView(
    DeviceView Device, IReadOnlyList<StateView> States, double StepSeconds, float[] Received, float[] Sent, bool KeepsLines, IReadOnlyList<LineView> Lines);

/// <summary>A state that a device was in, or is in.</summary>
internal sealed record StateView(string State, DateTimeOffset Since, OutageView? Outage);

/// <summary>A received line, or its beginning.</summary>
internal sealed record LineView(DateTimeOffset At, string Text, bool IsWhole);
