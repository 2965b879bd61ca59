namespace Rx.IotLink.Mqtt;

/// <summary>Tasks whose end is reported elsewhere.</summary>
internal static class IgnoredTask
{
    /// <summary>Looks at the outcome, so that it does not count as one that nobody has looked at.</summary>
    public static async Task IgnoreAsync(this Task task) => await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
