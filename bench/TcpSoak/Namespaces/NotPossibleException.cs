namespace TcpSoak.Namespaces;

/// <summary>
/// This machine does not allow what a soak in network namespaces needs. The message says what, and what to do about it.
/// </summary>
internal sealed class NotPossibleException(string sentence) : Exception(sentence);
