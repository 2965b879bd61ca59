using System.Reactive;
using System.Reactive.Linq;

namespace Microsoft.Reactive.Testing;

/// <summary>Assertions about sequences and exceptions that need no test framework.</summary>
public static partial class ReactiveAssert
{
    /// <summary>Fails unless both sequences have equal elements in the same order.</summary>
    public static void AreElementsEqual<T>(IEnumerable<T> expected, IEnumerable<T> actual) =>
        Compare(expected, actual, comparer: null, message: null);

    /// <inheritdoc cref="AreElementsEqual{T}(IEnumerable{T}, IEnumerable{T})"/>
    public static void AreElementsEqual<T>(IEnumerable<T> expected, IEnumerable<T> actual, IEqualityComparer<T>? comparer) =>
        Compare(expected, actual, comparer, message: null);

    /// <inheritdoc cref="AreElementsEqual{T}(IEnumerable{T}, IEnumerable{T})"/>
    public static void AreElementsEqual<T>(IEnumerable<T> expected, IEnumerable<T> actual, string message) =>
        Compare(expected, actual, comparer: null, message);

    /// <inheritdoc cref="AreElementsEqual{T}(IEnumerable{T}, IEnumerable{T})"/>
    public static void AreElementsEqual<T>(IEnumerable<T> expected, IEnumerable<T> actual, IEqualityComparer<T>? comparer, string message) =>
        Compare(expected, actual, comparer, message);

    /// <summary>Fails unless both sequences, awaited to their end, send equal notifications in the same order.</summary>
    public static void AreElementsEqual<T>(IObservable<T> expected, IObservable<T> actual) =>
        Compare(expected, actual, comparer: null, message: null);

    /// <inheritdoc cref="AreElementsEqual{T}(IObservable{T}, IObservable{T})"/>
    public static void AreElementsEqual<T>(IObservable<T> expected, IObservable<T> actual, IEqualityComparer<T> comparer) =>
        Compare(expected, actual, comparer, message: null);

    /// <inheritdoc cref="AreElementsEqual{T}(IObservable{T}, IObservable{T})"/>
    public static void AreElementsEqual<T>(IObservable<T> expected, IObservable<T> actual, string message) =>
        Compare(expected, actual, comparer: null, message);

    /// <inheritdoc cref="AreElementsEqual{T}(IObservable{T}, IObservable{T})"/>
    public static void AreElementsEqual<T>(IObservable<T> expected, IObservable<T> actual, IEqualityComparer<T> comparer, string message) =>
        Compare(expected, actual, comparer, message);

    /// <summary>Fails unless the action throws an exception of this type or of one derived from it.</summary>
    public static void Throws<TException>(Action action)
        where TException : Exception =>
        Thrown<TException>(action, message: null);

    /// <inheritdoc cref="Throws{TException}(Action)"/>
    public static void Throws<TException>(Action action, string message)
        where TException : Exception =>
        Thrown<TException>(action, message);

    /// <summary>Fails unless the action throws this very exception object.</summary>
    public static void Throws<TException>(TException exception, Action action)
        where TException : Exception =>
        ThrownSame(exception, action, message: null);

    /// <inheritdoc cref="Throws{TException}(TException, Action)"/>
    public static void Throws<TException>(TException exception, Action action, string message)
        where TException : Exception =>
        ThrownSame(exception, action, message);

    /// <inheritdoc cref="AreElementsEqual{T}(IEnumerable{T}, IEnumerable{T})"/>
    public static void AssertEqual<T>(this IEnumerable<T> actual, IEnumerable<T> expected) =>
        Compare(expected, actual, comparer: null, message: null);

    /// <inheritdoc cref="AreElementsEqual{T}(IEnumerable{T}, IEnumerable{T})"/>
    public static void AssertEqual<T>(this IEnumerable<T> actual, IEnumerable<T> expected, IEqualityComparer<T>? comparer) =>
        Compare(expected, actual, comparer, message: null);

    /// <inheritdoc cref="AreElementsEqual{T}(IEnumerable{T}, IEnumerable{T})"/>
    public static void AssertEqual<T>(this IEnumerable<T> actual, params T[] expected) =>
        Compare(expected, actual, comparer: null, message: null);

    /// <inheritdoc cref="AreElementsEqual{T}(IObservable{T}, IObservable{T})"/>
    public static void AssertEqual<T>(this IObservable<T> actual, IObservable<T> expected) =>
        Compare(expected, actual, comparer: null, message: null);

    /// <inheritdoc cref="AreElementsEqual{T}(IObservable{T}, IObservable{T})"/>
    public static void AssertEqual<T>(this IObservable<T> actual, IObservable<T> expected, IEqualityComparer<T> comparer) =>
        Compare(expected, actual, comparer, message: null);

    private static void Compare<T>(IObservable<T> expected, IObservable<T> actual, IEqualityComparer<T>? comparer, string? message)
    {
        ArgumentNullException.ThrowIfNull(expected);
        ArgumentNullException.ThrowIfNull(actual);

        Compare(
            expected.Materialize().ToEnumerable(),
            actual.Materialize().ToEnumerable(),
            comparer is null ? null : new NotificationComparer<T>(comparer),
            message);
    }

    // The expected sequence comes first: its elements are the ones asked, and predicates are among them.
    private static void Compare<T>(IEnumerable<T> expected, IEnumerable<T> actual, IEqualityComparer<T>? comparer, string? message)
    {
        ArgumentNullException.ThrowIfNull(expected);
        ArgumentNullException.ThrowIfNull(actual);

        if (!expected.SequenceEqual(actual, comparer))
            throw new FailedException(message ?? $"\nexpected: [{string.Join(", ", expected)}]\nactual:   [{string.Join(", ", actual)}]");
    }

    private static void ThrownSame<TException>(TException exception, Action action, string? message)
        where TException : Exception
    {
        var thrown = Thrown<TException>(action, message);
        if (!ReferenceEquals(exception, thrown))
            throw new FailedException(message ?? $"expected one {typeof(TException).Name}, but another one was thrown", thrown);
    }

    private static TException Thrown<TException>(Action action, string? message)
        where TException : Exception
    {
        ArgumentNullException.ThrowIfNull(action);

        Exception? other = null;
        try
        {
            action();
        }
        catch (TException expected)
        {
            return expected;
        }
        catch (Exception unexpected)
        {
            other = unexpected;
        }

        // Outside of the try, where no handler can take the failure for the expected exception.
        throw new FailedException(message ?? $"expected {typeof(TException).Name}, but {other?.GetType().Name ?? "nothing"} was thrown", other);
    }

    // Private, as in the package: a test can only know that it is an exception, and none of those it may expect from the code.
    private sealed class FailedException(string message, Exception? inner = null) : Exception(message, inner);
}
