namespace Rx.IotLink.Cli;

/// <summary>Nothing can be started as it was asked for; the message is the sentence that says why.</summary>
internal sealed class UsageException(string sentence) : Exception(sentence);
