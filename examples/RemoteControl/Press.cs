namespace Examples.RemoteControl;

/// <summary>A line from the button to the lamp.</summary>
/// <param name="IsLit">Whether the lamp shall be lit.</param>
/// <param name="Ms">When the button was pressed, in milliseconds since its program started.</param>
internal sealed record Press(bool IsLit, double Ms);
