using Microsoft.CodeAnalysis;

namespace Rx.IotLink.Analyzers;

/// <summary>What the analyzers report.</summary>
internal static class Rules
{
    /// <summary>The id of <see cref="NothingHappens"/>.</summary>
    public const string NothingHappensId = "IOTLINK001";

    /// <summary>The id of <see cref="AcceptedTooEarly"/>.</summary>
    public const string AcceptedTooEarlyId = "IOTLINK002";

    private const string Category = "Rx.IotLink";

    /// <summary>An observable that does its work when it is subscribed was thrown away.</summary>
    public static readonly DiagnosticDescriptor NothingHappens = new(
        NothingHappensId,
        "Nobody subscribes to this observable",
        "'{0}' does nothing until somebody subscribes, and its result is thrown away",
        Category,
        DiagnosticSeverity.Warning,
        isEnabledByDefault: true,
        "Write, WriteTo, Respond and Process return observables. Their work begins when they are subscribed.");

    /// <summary>Lines are acknowledged before the application has handled them.</summary>
    public static readonly DiagnosticDescriptor AcceptedTooEarly = new(
        AcceptedTooEarlyId,
        "A line is accepted before it is handled",
        "'{0}' returns before the line is handled: the line is accepted then, and lost if the process dies",
        Category,
        DiagnosticSeverity.Warning,
        isEnabledByDefault: true,
        "A line is accepted, and acknowledged to its writer, when the observers of Lines have returned. An operator that " +
        "queues it returns at once. Use Process, or Received with Accept, or set ObserverScheduler.");
}
