using System;
using System.Collections.Generic;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Rx.IotLink.Analyzers;

/// <summary>A chain of calls, as operators make it: each call has the one before it as its source.</summary>
internal static class Chain
{
    /// <summary>The calls and properties of a chain, the last one first.</summary>
    public static IEnumerable<IOperation> Upwards(IOperation last)
    {
        for (var link = Bare(last); link is not null; link = Source(link))
            yield return link;
    }

    /// <summary>What a call or a property is asked of; null: nothing.</summary>
    public static IOperation? Source(IOperation link) => link switch
    {
        IInvocationOperation { Instance: { } instance } => Bare(instance),
        IInvocationOperation { TargetMethod.IsExtensionMethod: true, Arguments: { Length: > 0 } arguments } => Bare(arguments[0].Value),
        IPropertyReferenceOperation { Instance: { } instance } => Bare(instance),
        IConditionalAccessInstanceOperation instance => AskedOf(instance),
        _ => null,
    };

    /// <summary>Whether a symbol is declared by this library, or by one that belongs to it.</summary>
    public static bool IsOurs(ISymbol symbol) => symbol.ContainingAssembly?.Name is { } name
        && (name == "Rx.IotLink" || name.StartsWith("Rx.IotLink.", StringComparison.Ordinal));

    /// <summary>Without conversions, parentheses and "?.".</summary>
    private static IOperation? Bare(IOperation? operation)
    {
        while (true)
        {
            switch (operation)
            {
                case IConversionOperation conversion:
                    operation = conversion.Operand;
                    break;
                case IParenthesizedOperation parenthesized:
                    operation = parenthesized.Operand;
                    break;
                case IConditionalAccessOperation access:
                    operation = access.WhenNotNull;
                    break;
                default:
                    return operation;
            }
        }
    }

    private static IOperation? AskedOf(IOperation instance)
    {
        for (var outer = instance.Parent; outer is not null; outer = outer.Parent)
        {
            if (outer is IConditionalAccessOperation access)
                return Bare(access.Operation);
        }

        return null;
    }
}
